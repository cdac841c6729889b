# NixOS: the controller with its PostgreSQL, and the fleet of this machine, as services.
self:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.nslab;
  toml = pkgs.formats.toml { };

  # Both open nothing but their own files, and neither changes the machine beyond network namespaces.
  hardening = {
    ProtectSystem = "strict";
    ProtectHome = true;
    PrivateTmp = true;
    NoNewPrivileges = true;
    LockPersonality = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    ProtectClock = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    UMask = "0077";
    Restart = "on-failure";
  };

  settingsOption = what: lib.mkOption {
    inherit (toml) type;
    default = { };
    description = "Keys of the ${what}'s configuration file, as `nslab ${what} --config` reads it.";
  };
in
{
  options.services.nslab = {
    package = lib.mkOption {
      type = lib.types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.nslab;
      defaultText = lib.literalExpression "nslab of the flake";
      description = "The nslab that the services run.";
    };
    controller = {
      enable = lib.mkEnableOption "nslab's controller";
      database = lib.mkOption {
        type = lib.types.bool;
        default = true;
        description = "Keep the controller's state in a PostgreSQL database of this machine.";
      };
      settings = settingsOption "controller";
    };
    fleet = {
      enable = lib.mkEnableOption "a fleet of nslab's nodes on this machine";
      controllerAddress = lib.mkOption {
        type = lib.types.str;
        default = "127.0.0.1:3000";
        example = "lab-controller:3000";
        description = "Where the controller listens, as HOST:PORT.";
      };
      nodes = lib.mkOption {
        type = lib.types.ints.positive;
        default = 1;
        description = "How many nodes this machine has, a network namespace each: about 0.4 MB and five open files a node.";
      };
      nodeIdOffset = lib.mkOption {
        type = lib.types.ints.unsigned;
        default = 0;
        description = "Ids of this machine's nodes begin after it: with 100 nodes on a first machine, 100 on the second.";
      };
      settings = settingsOption "dataplane";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf cfg.controller.enable {
      users.users.nslab = {
        isSystemUser = true;
        group = "nslab";
        description = "nslab's controller";
      };
      users.groups.nslab = { };
      services.nslab.controller.settings.db = lib.mkIf cfg.controller.database {
        host = lib.mkDefault "/run/postgresql";
        user = lib.mkDefault "nslab";
        database = lib.mkDefault "nslab";
      };
      services.postgresql = lib.mkIf cfg.controller.database {
        enable = true;
        ensureDatabases = [ "nslab" ];
        ensureUsers = [
          {
            name = "nslab";
            ensureDBOwnership = true;
          }
        ];
      };
      systemd.services.nslab-controller = {
        description = "nslab controller";
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ] ++ lib.optional cfg.controller.database "postgresql.service";
        requires = lib.optional cfg.controller.database "postgresql.service";
        serviceConfig = hardening // {
          ExecStart = "${lib.getExe cfg.package} controller --config ${toml.generate "controller.toml" cfg.controller.settings}";
          User = "nslab";
          Group = "nslab";
          CapabilityBoundingSet = [ "" ];
          PrivateDevices = true;
          ProtectControlGroups = true;
          ProtectKernelTunables = true;
          ProtectProc = "invisible";
          RestrictAddressFamilies = [
            "AF_UNIX"
            "AF_INET"
            "AF_INET6"
          ];
          RestrictNamespaces = true;
        };
      };
    })
    (lib.mkIf cfg.fleet.enable {
      services.nslab.fleet.settings = {
        controller_addr = lib.mkDefault cfg.fleet.controllerAddress;
        n_nodes = lib.mkDefault cfg.fleet.nodes;
        node_id_offset = lib.mkDefault cfg.fleet.nodeIdOffset;
      };
      systemd.services.nslab-fleet = {
        description = "nslab fleet";
        wantedBy = [ "multi-user.target" ];
        after = [ "network-online.target" ];
        wants = [ "network-online.target" ];
        serviceConfig = hardening // {
          ExecStart = "${lib.getExe cfg.package} dataplane --config ${toml.generate "dataplane.toml" cfg.fleet.settings}";
          # Namespaces are made and entered, and neighbour tables of the machine are raised.
          CapabilityBoundingSet = [
            "CAP_SYS_ADMIN"
            "CAP_NET_ADMIN"
            "CAP_SYS_PTRACE"
          ];
          ProtectSystem = "full";
          LimitNOFILE = 1048576;
        };
      };
    })
  ];
}
