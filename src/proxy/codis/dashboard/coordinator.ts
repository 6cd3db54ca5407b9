// coordinator: the store of a dashboard's state: names like paths, with JSON under them.
//
// codis knows ZooKeeper, etcd and a folder of files. Here there are the folder, with codis's own layout (filesystem-coordinator), and a Redis of the
// user's (redis-coordinator), for dashboards and proxies on several machines. Another store fits behind the same interface.

export interface Coordinator {
  /** Makes what must not be there yet; false when it is. */
  create(path: string, text: string): Promise<boolean>;
  /** Writes the node, whether it exists or not. */
  update(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  read(path: string): Promise<string | undefined>;
  /** Full paths of what lies directly under a path, sorted. */
  list(path: string): Promise<string[]>;
  close(): void;
}

/** The coordinator of this name; throws an Error that says what there is. */
export function coordinatorKind(name: string): 'filesystem' | 'redis' {
  switch (name.toLowerCase()) {
    case 'filesystem':
    case 'fs':
      return 'filesystem';
    case 'redis':
      return 'redis';
    case 'zookeeper':
    case 'zk':
    case 'etcd':
    case 'etcdv3':
      throw new Error(
        `coordinator ${name} is not spoken: use "filesystem" with a folder, or "redis" with the address of a Redis of yours`,
      );
    default:
      throw new Error(`invalid coordinator name = ${name}: "filesystem" or "redis"`);
  }
}
