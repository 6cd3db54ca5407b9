import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Lua is compiled to plain functions that unwind by return values","description":"","frontmatter":{},"headers":[],"relativePath":"docs/decisions/lua.md","filePath":"docs/decisions/lua.md"}');
const _sfc_main = { name: "docs/decisions/lua.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="lua-is-compiled-to-plain-functions-that-unwind-by-return-values" tabindex="-1">Lua is compiled to plain functions that unwind by return values <a class="header-anchor" href="#lua-is-compiled-to-plain-functions-that-unwind-by-return-values" aria-label="Permalink to &quot;Lua is compiled to plain functions that unwind by return values&quot;">​</a></h1><p><strong>Decision.</strong> A Lua 5.1 front end emits plain JavaScript functions, which V8 compiles. To suspend a script, each call on its stack returns a marker value (<code>unwinding</code>), and each function that gets it saves its place and locals as a frame. A second compilation of the function, made on first need, enters at the saved place (<a href="javascript:void 0" target="_blank" rel="noreferrer">machine.ts</a>).</p><p><strong>Why suspend at all.</strong> A script that runs synchronously blocks the event loop: nobody could be told BUSY, and SCRIPT KILL would never be read. The same mechanism serves time slices, deep recursion, tail calls, coroutines and errors.</p><p><strong>Rejected.</strong> Other engines: fengari is Lua 5.3 and 10 to 30 times slower than PUC Lua, wasmoon is 5.4 and cuts strings at NUL bytes, and the builds of 5.1 in WebAssembly are not maintained and break integers over 32 bits. Generator functions, the first idea: every expression that may call needs one. Exceptions: V8 takes time for each function that an exception passes.</p><table tabindex="0"><thead><tr><th>mechanism</th><th>cost</th></tr></thead><tbody><tr><td>call of a generator</td><td>60 to 100 ns</td></tr><tr><td>exception</td><td>1 to 10 us for each function that it passes</td></tr><tr><td>plain call that looks at its result</td><td>about 3 ns</td></tr><tr><td>frame saved and resumed</td><td>about 0.1 us</td></tr></tbody></table><p><strong>Consequences.</strong> Any call may end in &quot;unwinding&quot;, native functions that call back into Lua included. A script that is suspended costs a second compilation. Generated programs are compared with <code>lua5.1</code> and redis-server.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("docs/decisions/lua.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const lua = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  lua as default
};
