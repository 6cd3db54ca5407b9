import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"kvasir-aof","description":"","frontmatter":{},"headers":[],"relativePath":"docs/aof.md","filePath":"docs/aof.md"}');
const _sfc_main = { name: "docs/aof.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="kvasir-aof" tabindex="-1">kvasir-aof <a class="header-anchor" href="#kvasir-aof" aria-label="Permalink to &quot;kvasir-aof&quot;">​</a></h1><p>Looks into append-only files and makes new data folders of them. It reads the manifest of Redis 7 (<code>appendonlydir/appendonly.aof.manifest</code>) or the single file of older versions, and never changes them, so it can be used while the server runs.</p><table tabindex="0"><thead><tr><th>command</th><th>does</th></tr></thead><tbody><tr><td><code>stats FILE</code></td><td>files, keys of the base, commands by count and bytes, time range</td></tr><tr><td><code>json FILE</code></td><td>each command as a line of JSON with database, offset and time</td></tr><tr><td><code>cut FILE --to POINT</code></td><td>what was there at <code>@OFFSET</code> or at a time (<code>aof-timestamp-enabled</code>); <code>-o FOLDER</code> writes it</td></tr><tr><td><code>undo FILE</code></td><td>undoes the last FLUSHALL or FLUSHDB</td></tr><tr><td><code>compact FILE -o FOLDER</code></td><td>the same data without history</td></tr></tbody></table><h2 id="undo-a-flushall" tabindex="-1">Undo a FLUSHALL <a class="header-anchor" href="#undo-a-flushall" aria-label="Permalink to &quot;Undo a FLUSHALL&quot;">​</a></h2><div class="language-console vp-adaptive-theme"><button title="Copy Code" class="copy"></button><span class="lang">console</span><pre class="shiki shiki-themes github-light github-dark vp-code" tabindex="0"><code><span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-cli -p 6379 SET precious 1</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">OK</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-cli -p 6379 FLUSHALL</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">OK</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-cli -p 6379 CONFIG SET auto-aof-rewrite-percentage 0</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">OK</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-aof undo /var/lib/redis/appendonlydir/appendonly.aof.manifest</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">Plan: keep ...</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">Nothing was changed. ...</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-aof undo /var/lib/redis/appendonlydir/appendonly.aof.manifest --apply rescued</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">... commands are in rescued: start a server with --dir rescued --appendonly yes</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-dump --aof rescued/appendonlydir/appendonly.aof.manifest</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">{&quot;db&quot;:0,&quot;key&quot;:&quot;precious&quot;,&quot;ttl&quot;:-1,&quot;type&quot;:&quot;string&quot;,&quot;value&quot;:&quot;1&quot;,&quot;size&quot;:1}</span></span></code></pre></div><p><code>--into HOST:PORT</code> loads the data into a second, empty server instead. A rewrite after the FLUSHALL has dropped what was before it: therefore the CONFIG SET comes first.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("docs/aof.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const aof = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  aof as default
};
