// circles: finds the groups of files that need each other: Tarjan's strongly connected components, without recursion, so that
// a chain of any length fits.

/** Groups of more than one file, and files that import themselves; `edges` is path -> the paths that it imports. */
export function findCircles(edges) {
  const order = new Map();
  const lowest = new Map();
  const onStack = new Set();
  const stack = [];
  const circles = [];
  for (const start of edges.keys()) {
    if (order.has(start)) continue;
    const walk = [{ path: start, next: 0 }];
    while (walk.length > 0) {
      const step = walk[walk.length - 1];
      const { path } = step;
      if (step.next === 0) {
        order.set(path, order.size);
        lowest.set(path, order.get(path));
        stack.push(path);
        onStack.add(path);
      }
      const targets = edges.get(path) ?? [];
      const target = targets[step.next++];
      if (target !== undefined) {
        if (!order.has(target)) walk.push({ path: target, next: 0 });
        else if (onStack.has(target)) lowest.set(path, Math.min(lowest.get(path), order.get(target)));
        continue;
      }
      walk.pop();
      const parent = walk[walk.length - 1];
      if (parent !== undefined) lowest.set(parent.path, Math.min(lowest.get(parent.path), lowest.get(path)));
      if (lowest.get(path) !== order.get(path)) continue;
      const group = stack.splice(stack.indexOf(path));
      for (const member of group) onStack.delete(member);
      if (group.length > 1 || targets.includes(path)) circles.push(group.sort());
    }
  }
  return circles;
}

/** One way around a circle, from its first file back to it. */
export function wayAround(circle, edges) {
  const members = new Set(circle);
  const [start] = circle;
  const from = new Map([[start, undefined]]);
  const queue = [start];
  for (const path of queue) {
    for (const target of edges.get(path) ?? []) {
      if (target === start) {
        const way = [start];
        for (let at = path; at !== undefined; at = from.get(at)) way.unshift(at);
        return way;
      }
      if (!members.has(target) || from.has(target)) continue;
      from.set(target, path);
      queue.push(target);
    }
  }
  return circle;
}
