# The guest that a controller runs in, or a whole run alone: a fleet's, and PostgreSQL, which a run starts for itself.
{ pkgs, ... }:
{
  imports = [ ./guest.nix ];

  nslab.guest = {
    role = "controller";
    # A fleet's: PostgreSQL is on the disk until it runs, and what a server takes then (60 MiB) is counted by the run.
    memoryMinMib = 448;
    programs = [ pkgs.postgresql ];
  };

  # PostgreSQL refuses to run as root, and nslab runs it as this user where there is one.
  users.users.postgres = {
    isSystemUser = true;
    group = "postgres";
    home = "/var/empty";
  };
  users.groups.postgres = { };
}
