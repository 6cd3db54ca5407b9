import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Keys and values lie in an arena, outside the JavaScript heap","description":"","frontmatter":{},"headers":[],"relativePath":"docs/decisions/arena.md","filePath":"docs/decisions/arena.md"}');
const _sfc_main = { name: "docs/decisions/arena.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="keys-and-values-lie-in-an-arena-outside-the-javascript-heap" tabindex="-1">Keys and values lie in an arena, outside the JavaScript heap <a class="header-anchor" href="#keys-and-values-lie-in-an-arena-outside-the-javascript-heap" aria-label="Permalink to &quot;Keys and values lie in an arena, outside the JavaScript heap&quot;">​</a></h1><p><strong>Decision.</strong> Keys, values and all structures lie in <code>ArrayBuffer</code>s that the program manages itself (<a href="javascript:void 0" target="_blank" rel="noreferrer">arena.ts</a>). No JavaScript object is made for a key, an argument or a reply.</p><p><strong>Why not a <code>Map</code>.</strong> It stops at 2^24 entries, each entry is several heap objects, and collections of a heap with ten million keys take long. Memory that belongs to the collector can be neither measured exactly for <code>maxmemory</code> nor given back at once.</p><p><strong>Figures.</strong> A prototype of 150 lines beside redis-server 7.0.15 (2 cores, Node 20, redis-benchmark, 50 connections, 16-byte keys and values), GET requests a second:</p><table tabindex="0"><thead><tr><th></th><th>pipeline 1</th><th>pipeline 16</th><th>pipeline 100</th></tr></thead><tbody><tr><td>redis-server</td><td>153,000</td><td>0.96 million</td><td>1.39 million</td></tr><tr><td>Node with <code>Map</code>, strings and <code>&#39;data&#39;</code> events</td><td>131,000</td><td>0.44 million</td><td>1.10 million</td></tr><tr><td>Node with an arena and one read buffer</td><td>156,000</td><td>1.12 million</td><td>2.24 million</td></tr></tbody></table><p>A key of 16 bytes with a value of 16 bytes takes 58 to 64 bytes; <a href="./../memory">memory.md</a> has the arithmetic.</p><p><strong>Consequences.</strong> A ref may not outlive a call that allocates, because blocks move when they grow. Code that owns bytes has a <code>verify()</code>, and tests run random operations against a plain model. All refs reach 32 GB; a larger data set needs more than one process.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("docs/decisions/arena.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const arena = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  arena as default
};
