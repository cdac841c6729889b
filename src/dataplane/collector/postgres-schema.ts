// The collector's tables, as numbered migrations. A migration that has been released is never edited.
// Every row says which run (one process of a collector) it is of, and in which batch it came: a batch is stored whole,
// in one transaction, and never twice. Whoever sees a poll's row sees all of its sockets.

const tables = `
CREATE TABLE collect_runs (
  run SERIAL PRIMARY KEY,
  -- Drawn by the process, so that it finds its own row again.
  process_id TEXT NOT NULL UNIQUE,
  -- As given by --run-id; several processes may share it.
  run_id TEXT,
  pid INTEGER NOT NULL,
  interval_s DOUBLE PRECISION NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  started_mono_s DOUBLE PRECISION NOT NULL,
  stopped_at TIMESTAMPTZ,
  stopped_mono_s DOUBLE PRECISION
);
CREATE TABLE collect_batches (
  run INTEGER NOT NULL REFERENCES collect_runs,
  batch BIGINT NOT NULL,
  sockets_count INTEGER NOT NULL,
  stored_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (run, batch)
);
CREATE TABLE collect_sockets (
  run INTEGER NOT NULL,
  batch BIGINT NOT NULL,
  poll BIGINT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  mono_s DOUBLE PRECISION NOT NULL,
  -- Its cookie; kernels before 5.14 have none, and inode and time of creation stand for it.
  netns TEXT NOT NULL,
  -- Unsigned: BIGINT does not hold them all.
  cookie NUMERIC(20) NOT NULL,
  family SMALLINT NOT NULL,
  state TEXT NOT NULL,
  src INET NOT NULL,
  src_port INTEGER NOT NULL,
  dst INET NOT NULL,
  dst_port INTEGER NOT NULL,
  inode BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  cgroup_id NUMERIC(20),
  receive_queue_bytes BIGINT NOT NULL,
  send_queue_bytes BIGINT NOT NULL,
  congestion TEXT,
  rtt_s DOUBLE PRECISION,
  rtt_variance_s DOUBLE PRECISION,
  congestion_window_count BIGINT,
  retransmits_count BIGINT,
  bytes_sent_bytes NUMERIC(20),
  bytes_received_bytes NUMERIC(20),
  memory_bytes BIGINT
);
CREATE INDEX collect_sockets_at ON collect_sockets USING brin (at);
CREATE TABLE collect_namespaces (
  run INTEGER NOT NULL,
  batch BIGINT NOT NULL,
  event TEXT NOT NULL CHECK (event IN ('found', 'gone')),
  at TIMESTAMPTZ NOT NULL,
  mono_s DOUBLE PRECISION NOT NULL,
  netns TEXT NOT NULL,
  inode BIGINT,
  name TEXT,
  found_by TEXT
);
CREATE TABLE collect_polls (
  run INTEGER NOT NULL,
  batch BIGINT NOT NULL,
  poll BIGINT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  mono_s DOUBLE PRECISION NOT NULL,
  took_s DOUBLE PRECISION NOT NULL,
  first_of TEXT,
  namespaces_count INTEGER NOT NULL,
  sockets_count BIGINT NOT NULL,
  dropped_count BIGINT NOT NULL,
  repeated_count BIGINT NOT NULL,
  incomplete_count BIGINT NOT NULL,
  PRIMARY KEY (run, poll)
);
CREATE TABLE collect_blind (
  run INTEGER NOT NULL,
  batch BIGINT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  mono_s DOUBLE PRECISION NOT NULL,
  unreadable_processes_count INTEGER NOT NULL,
  kinds TEXT[] NOT NULL
);
`

const blindSpots = `
ALTER TABLE collect_blind
  ADD COLUMN unopened_namespaces_count INTEGER,
  ADD COLUMN hidden_mounts_count INTEGER,
  ADD COLUMN unresolved_sockets_count INTEGER,
  -- Null: the kernel keeps no list of them.
  ADD COLUMN unseen_namespaces_count INTEGER,
  ADD COLUMN large_processes_count INTEGER,
  ADD COLUMN large_apart_s DOUBLE PRECISION;
`

/** Migration n is migrations[n - 1]; each runs in one transaction with the row that records it. */
export const migrations: readonly string[] = [tables, blindSpots]

/** The tables that are filled by COPY, with their columns beside `run` and `batch`, which come first. */
export const copied = {
  sockets:
    'collect_sockets (run, batch, poll, at, mono_s, netns, cookie, family, state, src, src_port, dst, dst_port, inode, uid, ' +
    'cgroup_id, receive_queue_bytes, send_queue_bytes, congestion, rtt_s, rtt_variance_s, congestion_window_count, ' +
    'retransmits_count, bytes_sent_bytes, bytes_received_bytes, memory_bytes)',
  namespaces: 'collect_namespaces (run, batch, event, at, mono_s, netns, inode, name, found_by)',
  polls:
    'collect_polls (run, batch, poll, at, mono_s, took_s, first_of, namespaces_count, sockets_count, dropped_count, ' +
    'repeated_count, incomplete_count)',
  blind:
    'collect_blind (run, batch, at, mono_s, unreadable_processes_count, kinds, unopened_namespaces_count, ' +
    'hidden_mounts_count, unresolved_sockets_count, unseen_namespaces_count, large_processes_count, large_apart_s)',
} as const

export type CopiedTable = keyof typeof copied
