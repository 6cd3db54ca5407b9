// slot: a slot of a codis as dashboard and proxies tell each other about it.

/** A slot in the JSON of the dashboard. */
export interface CodisSlot {
  readonly id: number;
  readonly locked?: boolean;
  readonly backend_addr?: string;
  readonly backend_addr_group_id?: number;
  readonly migrate_from?: string;
  readonly migrate_from_group_id?: number;
  readonly forward_method?: number;
  readonly replica_groups?: readonly (readonly string[])[];
}
