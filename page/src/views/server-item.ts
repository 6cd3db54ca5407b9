// server-item: a server as the list has it; what only admins see may be missing.

export interface ServerItem {
  readonly id: string;
  readonly name: string;
  readonly nodes: readonly string[];
  readonly sentinelMaster?: string;
  readonly codisDashboard?: string;
  readonly readOnly: boolean;
  readonly separator: string;
  readonly group?: string;
  readonly user?: string;
  readonly hasPassword?: boolean;
  readonly isFixed?: boolean;
  readonly tls?: Readonly<Record<string, string | boolean>>;
}
