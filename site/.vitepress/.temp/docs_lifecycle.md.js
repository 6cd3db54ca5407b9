import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"The life of a request","description":"","frontmatter":{},"headers":[],"relativePath":"docs/lifecycle.md","filePath":"docs/lifecycle.md"}');
const _sfc_main = { name: "docs/lifecycle.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="the-life-of-a-request" tabindex="-1">The life of a request <a class="header-anchor" href="#the-life-of-a-request" aria-label="Permalink to &quot;The life of a request&quot;">​</a></h1><p>From bytes on a socket to a reply, with every gate in its order and every way out. The code is <a href="javascript:void 0" target="_blank" rel="noreferrer">connection.ts</a> up to step 2, and <a href="javascript:void 0" target="_blank" rel="noreferrer">dispatcher.ts</a> from <code>dispatch</code> on. The dispatcher is the same in every server of this package; the picture shows the data server, which adds the gates and steps marked with <code>*</code> (<a href="javascript:void 0" target="_blank" rel="noreferrer">server.ts</a>).</p><div class="language- vp-adaptive-theme"><button title="Copy Code" class="copy"></button><span class="lang"></span><pre class="shiki shiki-themes github-light github-dark vp-code" tabindex="0"><code><span class="line"><span> bytes arrive                           Connection</span></span>
<span class="line"><span>   |-- more than client-query-buffer-limit is kept ------------&gt; the connection closes</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 1 RequestReader.read</span></span>
<span class="line"><span>   |-- incomplete ---------------------------------------------&gt; kept until more bytes come</span></span>
<span class="line"><span>   |-- malformed ----------------------------------------------&gt; -ERR Protocol error: ..., the connection closes</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 2 Dispatcher.dispatch: find the command by the bytes of its name</span></span>
<span class="line"><span>   |-- known, arity fits, no gate of server or client is up ---&gt; step 5 at once (the hot path)</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 3 dispatchWithCare</span></span>
<span class="line"><span>   |-- POST or Host: ------------------------------------------&gt; no reply, the connection closes (a browser&#39;s HTTP)</span></span>
<span class="line"><span>   |-- unknown command or subcommand --------------------------&gt; -ERR unknown command</span></span>
<span class="line"><span>   |-- wrong count of arguments -------------------------------&gt; -ERR wrong number of arguments</span></span>
<span class="line"><span>   |      (each of these also breaks an open MULTI)</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 4 the gates, in this order</span></span>
<span class="line"><span>   |-* BUSY: the script is this client&#39;s, or must be waited for &gt; held until the script ends</span></span>
<span class="line"><span>   |-- AUTH: not authenticated --------------------------------&gt; -NOAUTH</span></span>
<span class="line"><span>   |-- ACL: command, key or channel is not allowed ------------&gt; -NOPERM, and a line in ACL LOG</span></span>
<span class="line"><span>   |-- SUBSCRIBED: RESP2, and not one of the few commands -----&gt; -ERR Can&#39;t execute ...</span></span>
<span class="line"><span>   |-* LOADING: the data set is being loaded ------------------&gt; -LOADING</span></span>
<span class="line"><span>   |-* BUSY: a script takes too long --------------------------&gt; -BUSY</span></span>
<span class="line"><span>   |-* WRITES: a hook refuses writes now (MISCONF: PING too) -----&gt; -MISCONF, -READONLY, -NOREPLICAS</span></span>
<span class="line"><span>   |-* MEMORY: over maxmemory, eviction frees too little ------&gt; -OOM</span></span>
<span class="line"><span>   |-* MULTI: the command is queued ---------------------------&gt; +QUEUED</span></span>
<span class="line"><span>   |-* PAUSED: CLIENT PAUSE covers the command ----------------&gt; put off until the pause ends</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 5 run: the command looks up keys, changes values, writes a reply</span></span>
<span class="line"><span>   |-* it must wait (BLPOP) -----------------------------------&gt; the client is blocked; later requests wait</span></span>
<span class="line"><span>   |-* a script takes long ------------------------------------&gt; parked; it goes on in slices</span></span>
<span class="line"><span>   |-- the reply exceeds the output limit ---------------------&gt; the connection closes without a reply</span></span>
<span class="line"><span>   |-- it throws: a bug ---------------------------------------&gt; -ERR internal error, the stack is logged</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 6* after the command</span></span>
<span class="line"><span>      a change goes to the AOF and to replicas; statistics, slow log and latency are updated;</span></span>
<span class="line"><span>      TRACKING remembers the keys that were read; MONITOR clients get the command</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 7 after the request</span></span>
<span class="line"><span>      * keys that were changed wake blocked clients; messages to this client follow its reply;</span></span>
<span class="line"><span>      CLIENT REPLY OFF or SKIP takes the reply back; client eviction looks at memory</span></span>
<span class="line"><span>   v</span></span>
<span class="line"><span> 8 after the chunk: all replies go out in one write</span></span>
<span class="line"><span>   |-- replies wait for an fsync (appendfsync always) ---------&gt; held until the end of the turn</span></span>
<span class="line"><span>   |-- the socket does not take all ---------------------------&gt; kept; more requests of this client wait</span></span>
<span class="line"><span>   |-- over client-output-buffer-limit ------------------------&gt; the connection closes</span></span></code></pre></div><p>A refusal in step 4 marks an open MULTI as broken, so EXEC replies EXECABORT. If the refused command is EXEC itself, the transaction ends, and the reply is EXECABORT with the reason. Commands of EXEC and of scripts come in at step 5; the ACL is asked again for each, because rules may have changed since a command was queued.</p><p>A gate is a bit and a check (<a href="javascript:void 0" target="_blank" rel="noreferrer">gates.ts</a>). The check returns the text of a refusal, or says that it has dealt with the command itself (queued, put off); it never calls back into the dispatcher. Gates are bits of two masks (<a href="javascript:void 0" target="_blank" rel="noreferrer">client.ts</a>), one of the server and one of the client. The hot path tests both together with one comparison against zero. The gates that refuse nothing are SILENT (drop the reply), TRACKING, NO_TOUCH (leave clocks of use alone), MONITORED, HOT_KEYS and OUTPUT.</p><p>An exception beyond a command&#39;s <code>run</code> closes the connection of its client; the others are served on.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("docs/lifecycle.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const lifecycle = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  lifecycle as default
};
