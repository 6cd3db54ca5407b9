import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"kvasir-rdb","description":"","frontmatter":{},"headers":[],"relativePath":"docs/rdb.md","filePath":"docs/rdb.md"}');
const _sfc_main = { name: "docs/rdb.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="kvasir-rdb" tabindex="-1">kvasir-rdb <a class="header-anchor" href="#kvasir-rdb" aria-label="Permalink to &quot;kvasir-rdb&quot;">​</a></h1><p>Looks into RDB files of versions 1 to 12 (and Valkey&#39;s 80) without a server, converts and repairs them. Memory is that of the biggest value at most; <code>diff</code> and <code>merge</code> also keep about 100 bytes a key.</p><table tabindex="0"><thead><tr><th>command</th><th>does</th></tr></thead><tbody><tr><td><code>stats FILE</code></td><td>memory by type, encoding, database and prefix, times to live, the biggest keys; <code>--csv</code> has a line a key with the columns of rdb-tools</td></tr><tr><td><code>json FILE</code></td><td>the keys as JSON lines; the options of <a href="./dump">kvasir-dump</a></td></tr><tr><td><code>commands FILE</code></td><td>the commands that make the data, for <code>redis-cli --pipe</code></td></tr><tr><td><code>diff FILE FILE</code></td><td>keys that are missing (<code>-</code>), more (<code>+</code>) or not alike (<code>~</code>); encodings do not count</td></tr><tr><td><code>extract FILE -o FILE</code></td><td>a part, by <code>--match</code>, <code>--slot</code>, <code>--type</code>, size and time to live; <code>--rename old:=new:</code> renames</td></tr><tr><td><code>merge FILE FILE... -o FILE</code></td><td>one file; of a key in several files the last one stays</td></tr><tr><td><code>convert FILE --to N -o FILE</code></td><td>another version, with a list of what it cannot keep</td></tr><tr><td><code>repair FILE -o FILE</code></td><td>the keys of a torn or corrupt file that can be read</td></tr></tbody></table><div class="language-console vp-adaptive-theme"><button title="Copy Code" class="copy"></button><span class="lang">console</span><pre class="shiki shiki-themes github-light github-dark vp-code" tabindex="0"><code><span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-cli -p 6379 SET user:1 Ann</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">OK</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-cli -p 6379 XADD log 1-1 event start</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">1-1</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-cli -p 6379 SAVE</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">OK</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-rdb stats /var/lib/redis/dump.rdb</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">2 keys, about ...</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-rdb convert /var/lib/redis/dump.rdb --to 6 -o old.rdb</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">left out: streams (since RDB 9, Redis 5.0): 1 key</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">1 keys written to old.rdb (RDB 6)</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-rdb diff /var/lib/redis/dump.rdb old.rdb</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">- db0 log (stream)</span></span>
<span class="line"><span style="--shiki-light:#24292E;--shiki-dark:#E1E4E8;">$ kvasir-rdb json old.rdb</span></span>
<span class="line"><span style="--shiki-light:#005CC5;--shiki-dark:#79B8FF;">{&quot;db&quot;:0,&quot;key&quot;:&quot;user:1&quot;,&quot;ttl&quot;:-1,&quot;type&quot;:&quot;string&quot;,&quot;value&quot;:&quot;Ann&quot;,&quot;size&quot;:3}</span></span></code></pre></div><h2 id="versions" tabindex="-1">Versions <a class="header-anchor" href="#versions" aria-label="Permalink to &quot;Versions&quot;">​</a></h2><table tabindex="0"><thead><tr><th><code>--to</code></th><th>loaded by</th><th>cannot hold</th></tr></thead><tbody><tr><td>6</td><td>Redis 2.6 and later</td><td>streams, modules, functions, times to live of hash fields</td></tr><tr><td>7</td><td>3.2</td><td>the same</td></tr><tr><td>9</td><td>5.0</td><td>functions, times to live of hash fields, entries-read of groups</td></tr><tr><td>10</td><td>7.0</td><td>times to live of hash fields</td></tr><tr><td>11</td><td>7.2</td><td>times to live of hash fields</td></tr><tr><td>12</td><td>7.4</td><td></td></tr></tbody></table><p>Where something is lost the exit code is 1, unless <code>--accept-loss</code>. Sizes in <code>stats</code> are estimates of what redis-server takes on 64 bits.</p><p><code>repair</code> goes on after damage at the next place from which three keys can be read, and names the bytes that are lost. A byte that was changed inside a value without breaking the format is only noticed by the checksum of the whole file.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("docs/rdb.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const rdb = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  rdb as default
};
