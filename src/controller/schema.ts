// The database schema: the published tables (facts on Nextmini, 1.4), then what is ours, as numbered migrations.
// A migration that has been released is never edited; it may meet tables that Nextmini itself made.

/** Every table of ours; a reset drops exactly these. */
export const tables = [
  'nodes',
  'flows',
  'flow_routes',
  'routes',
  'metrics',
  'app_flows',
  'groups',
  'group_members',
  'group_routes',
  'link_throughput',
  'probe_requests',
  'probe_results',
  'links',
  'nslab_migrations',
] as const

export const channels = [
  'auto_sync_routes',
  'sync_routes',
  'auto_sync_flows',
  'auto_sync_links',
  'sync_group_routes',
  'probe_requested',
] as const

const published = `
CREATE TABLE IF NOT EXISTS nodes (
  id INTEGER PRIMARY KEY,
  private_network_name TEXT NOT NULL,
  private_network_addr TEXT NOT NULL,
  public_network_addr TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS flows (
  id SERIAL PRIMARY KEY,
  src_node_id INTEGER NOT NULL,
  dst_node_id INTEGER NOT NULL,
  flow_len_type TEXT NOT NULL CHECK (flow_len_type IN ('bytes', 'duration')),
  flow_len_bytes BIGINT,
  flow_len_duration BIGINT,
  flow_rate BIGINT,
  flow_weight INTEGER,
  start_time BIGINT,
  finish_time BIGINT,
  is_finished BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE IF NOT EXISTS routes (
  route_id SERIAL PRIMARY KEY,
  src_node_id INTEGER NOT NULL,
  dst_node_id INTEGER NOT NULL,
  edges JSONB NOT NULL
);
CREATE TABLE IF NOT EXISTS flow_routes (flow_id INTEGER PRIMARY KEY, route_id INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS metrics (
  id BIGSERIAL PRIMARY KEY,
  flow_id BYTEA NOT NULL,
  local_node_id INTEGER NOT NULL,
  remote_node_id INTEGER NOT NULL,
  bytes BIGINT NOT NULL,
  time_read BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS app_flows (
  id BIGSERIAL PRIMARY KEY,
  flow_id BYTEA NOT NULL,
  start_time BIGINT NOT NULL,
  src_node_id INTEGER NOT NULL,
  dst_node_id INTEGER NOT NULL,
  is_finished BOOLEAN NOT NULL DEFAULT FALSE,
  finish_time BIGINT,
  route_id INTEGER,
  UNIQUE (flow_id, start_time)
);
CREATE TABLE IF NOT EXISTS groups (
  id SERIAL PRIMARY KEY,
  label TEXT NOT NULL UNIQUE,
  src_node_id INTEGER NOT NULL,
  group_ip TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS group_members (
  group_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL,
  joined_at BIGINT NOT NULL,
  PRIMARY KEY (group_id, node_id)
);
CREATE TABLE IF NOT EXISTS group_routes (
  group_id INTEGER NOT NULL,
  tree_id INTEGER NOT NULL,
  src_node_id INTEGER NOT NULL,
  weight DOUBLE PRECISION,
  edges JSONB NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (group_id, tree_id)
);
CREATE TABLE IF NOT EXISTS link_throughput (
  src_node_id INTEGER NOT NULL,
  dst_node_id INTEGER NOT NULL,
  bandwidth_bps BIGINT,
  bandwidth_mbps DOUBLE PRECISION,
  bytes_transferred BIGINT,
  duration_secs DOUBLE PRECISION,
  protocol TEXT,
  retransmits BIGINT,
  jitter_ms DOUBLE PRECISION,
  measured_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS probe_requests (
  id SERIAL PRIMARY KEY,
  from_node_id INTEGER NOT NULL,
  to_node_id INTEGER NOT NULL,
  probe_bytes BIGINT
);
CREATE TABLE IF NOT EXISTS probe_results (
  probe_id INTEGER NOT NULL,
  from_node_id INTEGER NOT NULL,
  to_node_id INTEGER NOT NULL,
  bandwidth_mbps DOUBLE PRECISION NOT NULL,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
`

/** Published tables hold rates and byte counters in 32 bits, which overflow at 2 GiB. */
const widened = `
ALTER TABLE flows ALTER COLUMN flow_rate TYPE BIGINT, ALTER COLUMN flow_len_bytes TYPE BIGINT,
  ALTER COLUMN flow_len_duration TYPE BIGINT;
ALTER TABLE metrics ALTER COLUMN bytes TYPE BIGINT;
`

/** A node's row outlives its connection, so the row says whether it is there. */
const presence = `
ALTER TABLE nodes
  ADD COLUMN IF NOT EXISTS connected BOOLEAN NOT NULL DEFAULT FALSE,
  ADD COLUMN IF NOT EXISTS incarnation BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN IF NOT EXISTS changed_at TIMESTAMPTZ NOT NULL DEFAULT now();
`

/**
 * The payload names the row; whoever hears it reads the row again. Published triggers of other names are replaced by
 * ours.
 */
const notifications = `
CREATE OR REPLACE FUNCTION nslab_notify_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('auto_sync_routes', json_build_object('route_id', COALESCE(NEW.route_id, OLD.route_id))::text);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION nslab_notify_flow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('auto_sync_flows', json_build_object('newly_inserted_id', COALESCE(NEW.id, OLD.id),
    'src_node_id', COALESCE(NEW.src_node_id, OLD.src_node_id), 'dst_node_id', COALESCE(NEW.dst_node_id, OLD.dst_node_id))::text);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION nslab_notify_flow_route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('auto_sync_flows', json_build_object('newly_inserted_id', COALESCE(NEW.flow_id, OLD.flow_id))::text);
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION nslab_notify_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('sync_routes', '');
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS nslab_routes_truncated ON routes;
CREATE TRIGGER nslab_routes_truncated AFTER TRUNCATE ON routes EXECUTE FUNCTION nslab_notify_truncate();
DROP TRIGGER IF EXISTS nslab_flows_truncated ON flows;
CREATE TRIGGER nslab_flows_truncated AFTER TRUNCATE ON flows EXECUTE FUNCTION nslab_notify_truncate();
DROP TRIGGER IF EXISTS nslab_route_changed ON routes;
CREATE TRIGGER nslab_route_changed AFTER INSERT OR UPDATE OR DELETE ON routes
  FOR EACH ROW EXECUTE FUNCTION nslab_notify_route();
DROP TRIGGER IF EXISTS nslab_flow_changed ON flows;
CREATE TRIGGER nslab_flow_changed AFTER INSERT OR DELETE OR UPDATE OF id, src_node_id, dst_node_id, flow_len_type,
  flow_len_bytes, flow_len_duration, flow_rate, flow_weight ON flows FOR EACH ROW EXECUTE FUNCTION nslab_notify_flow();
DROP TRIGGER IF EXISTS nslab_flow_route_changed ON flow_routes;
CREATE TRIGGER nslab_flow_route_changed AFTER INSERT OR UPDATE OR DELETE ON flow_routes
  FOR EACH ROW EXECUTE FUNCTION nslab_notify_flow_route();
`

/**
 * Flows to groups, of other packets, and of parts of a second; shapes of links, one row a direction, with the keys of
 * LinkShape (src/protocol/traffic.ts). A type of a column that a trigger names can't be changed under it. Groups are
 * few: whoever hears of a change reads all of them again.
 */
const traffic = `
DROP TRIGGER IF EXISTS nslab_flow_changed ON flows;
ALTER TABLE flows ADD COLUMN IF NOT EXISTS packet_bytes INTEGER, ADD COLUMN IF NOT EXISTS dst_group_id INTEGER,
  ALTER COLUMN flow_len_duration TYPE DOUBLE PRECISION, ALTER COLUMN flow_rate TYPE DOUBLE PRECISION,
  ALTER COLUMN flow_weight TYPE DOUBLE PRECISION;
CREATE TRIGGER nslab_flow_changed AFTER INSERT OR DELETE OR UPDATE OF id, src_node_id, dst_node_id, flow_len_type,
  flow_len_bytes, flow_len_duration, flow_rate, flow_weight, packet_bytes, dst_group_id ON flows
  FOR EACH ROW EXECUTE FUNCTION nslab_notify_flow();
CREATE TABLE IF NOT EXISTS links (
  src_node_id INTEGER NOT NULL,
  dst_node_id INTEGER NOT NULL,
  shape JSONB NOT NULL,
  PRIMARY KEY (src_node_id, dst_node_id)
);
CREATE OR REPLACE FUNCTION nslab_notify_link() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM pg_notify('auto_sync_links', json_build_array(OLD.src_node_id, OLD.dst_node_id)::text);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM pg_notify('auto_sync_links', json_build_array(NEW.src_node_id, NEW.dst_node_id)::text);
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION nslab_notify_groups() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('sync_group_routes', '');
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS nslab_link_changed ON links;
CREATE TRIGGER nslab_link_changed AFTER INSERT OR UPDATE OR DELETE ON links
  FOR EACH ROW EXECUTE FUNCTION nslab_notify_link();
DROP TRIGGER IF EXISTS nslab_links_truncated ON links;
CREATE TRIGGER nslab_links_truncated AFTER TRUNCATE ON links EXECUTE FUNCTION nslab_notify_truncate();
DROP TRIGGER IF EXISTS nslab_groups_changed ON groups;
CREATE TRIGGER nslab_groups_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON groups
  EXECUTE FUNCTION nslab_notify_groups();
DROP TRIGGER IF EXISTS nslab_group_members_changed ON group_members;
CREATE TRIGGER nslab_group_members_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON group_members
  EXECUTE FUNCTION nslab_notify_groups();
DROP TRIGGER IF EXISTS nslab_group_routes_changed ON group_routes;
CREATE TRIGGER nslab_group_routes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON group_routes
  EXECUTE FUNCTION nslab_notify_groups();
`

/** Probes of links: asked for by rows, and what they measured. */
const probes = `
ALTER TABLE probe_results ADD COLUMN IF NOT EXISTS sent_packets BIGINT,
  ADD COLUMN IF NOT EXISTS received_packets BIGINT, ADD COLUMN IF NOT EXISTS latency_p50_s DOUBLE PRECISION,
  ADD COLUMN IF NOT EXISTS latency_p99_s DOUBLE PRECISION;
CREATE OR REPLACE FUNCTION nslab_notify_probe() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('probe_requested', json_build_object('id', NEW.id)::text);
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS nslab_probe_requested ON probe_requests;
CREATE TRIGGER nslab_probe_requested AFTER INSERT ON probe_requests
  FOR EACH ROW EXECUTE FUNCTION nslab_notify_probe();
`

/** Flows that are lossless, one by one. */
const transports = `
DROP TRIGGER IF EXISTS nslab_flow_changed ON flows;
ALTER TABLE flows ADD COLUMN IF NOT EXISTS transport TEXT;
CREATE TRIGGER nslab_flow_changed AFTER INSERT OR DELETE OR UPDATE OF id, src_node_id, dst_node_id, flow_len_type,
  flow_len_bytes, flow_len_duration, flow_rate, flow_weight, packet_bytes, dst_group_id, transport ON flows
  FOR EACH ROW EXECUTE FUNCTION nslab_notify_flow();
`

/** Migration n is migrations[n - 1]. Each runs in a transaction of its own with the row that records it. */
export const migrations: readonly string[] = [published, widened, presence, notifications, traffic, probes, transports]
