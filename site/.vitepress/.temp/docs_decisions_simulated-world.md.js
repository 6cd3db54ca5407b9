import { ssrRenderAttrs } from "vue/server-renderer";
import { useSSRContext } from "vue";
import { _ as _export_sfc } from "./plugin-vue_export-helper.1tPrXgE0.js";
const __pageData = JSON.parse('{"title":"Whole servers run in a world made from one seed","description":"","frontmatter":{},"headers":[],"relativePath":"docs/decisions/simulated-world.md","filePath":"docs/decisions/simulated-world.md"}');
const _sfc_main = { name: "docs/decisions/simulated-world.md" };
function _sfc_ssrRender(_ctx, _push, _parent, _attrs, $props, $setup, $data, $options) {
  _push(`<div${ssrRenderAttrs(_attrs)}><h1 id="whole-servers-run-in-a-world-made-from-one-seed" tabindex="-1">Whole servers run in a world made from one seed <a class="header-anchor" href="#whole-servers-run-in-a-world-made-from-one-seed" aria-label="Permalink to &quot;Whole servers run in a world made from one seed&quot;">​</a></h1><p><strong>Decision.</strong> Everything above <code>io</code> gets clock, network, files and chance as one <code>Environment</code> (<a href="javascript:void 0" target="_blank" rel="noreferrer">environment.ts</a>). The real one belongs to the machine; that of <code>simulation</code> comes from a seed (<a href="javascript:void 0" target="_blank" rel="noreferrer">world.ts</a>). Lint keeps timers, sockets, files and <code>Math.random</code> out of everything else.</p><p><strong>Why.</strong> Faults of durability and failover depend on order: a kill between a write and its sync, a message that comes late. Tests with real processes meet such an order by luck and cannot repeat it. A seed repeats it exactly: the trace&#39;s hash is the same at each run, and after code moves, because only effects between hosts are in it.</p><p><strong>How.</strong> One queue of events holds all that happens; time passes only between events. A process dies by <code>kill</code> (written bytes stay) or by <code>powerOff</code> (unsynced bytes may be lost). Links have delay, jitter, bandwidth and cuts in each direction.</p><p><strong>Figures.</strong> 20 seeds of <code>durability-always</code> (a server under load that is killed, loses power, and fills its disk) are 329 seconds of virtual time and ran in 84 seconds on a loaded machine with two cores, with every server started anew after each crash.</p><p><strong>Consequences.</strong> Code that reads the time or opens a socket by itself escapes the world and makes runs differ; a connection that used <code>setImmediate</code> did so until lint forbade it. TLS, unix sockets and worker threads are not simulated; their files are listed as exceptions in <code>eslint.config.mjs</code>.</p></div>`);
}
const _sfc_setup = _sfc_main.setup;
_sfc_main.setup = (props, ctx) => {
  const ssrContext = useSSRContext();
  (ssrContext.modules || (ssrContext.modules = /* @__PURE__ */ new Set())).add("docs/decisions/simulated-world.md");
  return _sfc_setup ? _sfc_setup(props, ctx) : void 0;
};
const simulatedWorld = /* @__PURE__ */ _export_sfc(_sfc_main, [["ssrRender", _sfc_ssrRender]]);
export {
  __pageData,
  simulatedWorld as default
};
