# What every role's guest is: a NixOS that boots from one read-only disk, starts nslab's agent, and ends with it.
#
# Plain NixOS modules, not microvm.nix: of that this would use the store's disk and the list of what to leave out, some
# thirty lines, and carry its runners, its options and its input. What differs from run to run (names, addresses, seeds,
# sizes, tokens) reaches the guest by the agent's channel, so a role is evaluated once a kernel and never for a node.
#
# Modules, kernel words and settings are those of fleet.toml, whose images need no Nix: one list for both.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.nslab.guest;
  recipe = builtins.fromTOML (builtins.readFile ./fleet.toml);
  node = "${pkgs.nodejs-slim_24}/bin/node";
  programs = "${pkgs.nslab-guest}/nslab";
  # The agent's own, and what runs and people ask for by name.
  tools = [
    pkgs.bash
    pkgs.coreutils
    pkgs.e2fsprogs
    pkgs.gnugrep
    pkgs.iperf3
    pkgs.iproute2
    pkgs.kmod
    pkgs.util-linux
  ] ++ cfg.programs;
in
{
  options.nslab.guest = {
    role = lib.mkOption {
      type = lib.types.str;
      description = "What the guest is for: the `role` of its image.json.";
    };
    memoryMinMib = lib.mkOption {
      type = lib.types.int;
      description = "Least memory in MiB that boots and starts the agent; a run's own comes on top.";
    };
    programs = lib.mkOption {
      type = lib.types.listOf lib.types.package;
      default = [ ];
      description = "Programs beside those that every guest has.";
    };
  };

  config = {
    # A panic ends the VM; rootfstype is for a root that is the initrd, which this one is not.
    boot.kernelParams = lib.filter (word: word != "rootfstype=ramfs") recipe.command_line ++ [
      # The console is for the kernel's last words: no login on it, nor on hvc0, which is the agent's.
      "systemd.getty_auto=no"
    ];
    boot.kernelModules = recipe.modules.boot;
    boot.kernel.sysctl = recipe.settings;
    boot.loader.grub.enable = false;

    # Only what finds the disk: the runner gives the root as the first one (src/vm/image/types.ts).
    boot.initrd.includeDefaultModules = false;
    boot.initrd.availableKernelModules = [
      "erofs"
      "virtio_blk"
      "virtio_mmio"
    ];
    boot.initrd.kernelModules = [
      "virtio_mmio"
      "virtio_blk"
    ];
    fileSystems."/" = {
      device = "tmpfs";
      fsType = "tmpfs";
      options = [ "mode=0755" ];
    };
    fileSystems."/nix/store" = {
      device = "/dev/vda";
      fsType = "erofs";
      options = [ "ro" ];
      neededForBoot = true;
      noCheck = true;
    };

    # The agent names the guest, and gives its interfaces their addresses.
    networking.hostName = cfg.role;
    networking.useDHCP = false;
    networking.firewall.enable = false;
    networking.usePredictableInterfaceNames = false;

    systemd.services.nslab-agent = {
      description = "nslab's agent";
      wantedBy = [ "multi-user.target" ];
      path = tools;
      environment = {
        HOME = "/root";
        NSLAB_GUEST = "1";
      };
      # A guest without its agent is of no use to anybody.
      unitConfig = {
        SuccessAction = "poweroff";
        FailureAction = "poweroff";
      };
      serviceConfig = {
        ExecStart = "${node} ${programs}/dist/cli/main.js agent";
        RuntimeDirectory = "nslab";
        # Thousands of namespaces, each with descriptors and processes of its own: memory is the limit here.
        LimitNOFILE = 1048576;
        TasksMax = "infinity";
        OOMPolicy = "continue";
        StandardOutput = "journal+console";
      };
    };
    # The agent asks process 1 to power off by SIGPWR, and to reboot by SIGINT, which systemd takes for Ctrl-Alt-Delete.
    systemd.services.nslab-power-off = {
      description = "nslab's end";
      wantedBy = [ "sigpwr.target" ];
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${config.systemd.package}/bin/systemctl --no-block poweroff";
      };
    };
    systemd.tmpfiles.rules = [
      # Where every guest has nslab, whoever made its image.
      "L+ /nslab - - - - ${programs}"
      # Where a run's own database is bound to.
      "d /mnt 0755 root root - -"
    ];
    environment.systemPackages = tools ++ [
      (pkgs.writeShellScriptBin "nslab" ''exec ${node} ${programs}/dist/cli/main.js "$@"'')
    ];

    # Nothing else: no login, no documentation, no Nix, no daemon that a run would measure.
    environment.defaultPackages = [ ];
    documentation.enable = false;
    nix.enable = false;
    security.sudo.enable = false;
    services.logrotate.enable = false;
    services.timesyncd.enable = false;
    services.nscd.enable = false;
    system.nssModules = lib.mkForce [ ];
    systemd.targets.getty.enable = false;
    # A guest keeps no state, so none is of an older release.
    system.stateVersion = lib.trivial.release;
  };
}
