# Guest images of NixOS: one a role (the modules of microvms/ but guest.nix, which they share) and kernel. image.json is
# written by nslab itself, as for the images that it makes without Nix, so that a runner knows one kind.
#
#   images.fleet             of the kernel that nixpkgs calls its default, a long-term one
#   images.fleet-lts         the same
#   images.fleet-latest      of the newest kernel that nixpkgs has
#   folder                   all of them, as NSLAB_IMAGES names such a folder
{
  lib,
  nixpkgs,
  pkgs,
}:
let
  kernels = {
    lts = pkgs.linuxPackages;
    latest = pkgs.linuxPackages_latest;
  };
  modules = lib.filterAttrs (name: _type: lib.hasSuffix ".nix" name && name != "guest.nix") (
    builtins.readDir ../microvms
  );
  roles = map (lib.removeSuffix ".nix") (builtins.attrNames modules);

  configurationOf =
    role: kernel:
    (nixpkgs.lib.nixosSystem {
      modules = [
        (../microvms + "/${role}.nix")
        {
          nixpkgs.pkgs = pkgs;
          boot.kernelPackages = kernels.${kernel};
        }
      ];
    }).config;

  # The store as one file. The same closure gives the same bytes: no times, everything root's, a fixed id.
  diskOf =
    role: kernel: toplevel:
    pkgs.runCommand "nslab-${role}-${kernel}-store.erofs" { nativeBuildInputs = [ pkgs.erofs-utils ]; } ''
      mkdir store
      xargs cp --archive --reflink=auto --target-directory=store \
        < ${pkgs.closureInfo { rootPaths = [ toplevel ]; }}/store-paths
      mkfs.erofs -T 0 -U 6e736c61-6200-4000-8000-000000000000 --all-root "$out" store
    '';

  imageOf =
    role: kernel:
    let
      config = configurationOf role kernel;
      inherit (config.system.build) toplevel initialRamdisk;
      linux = config.boot.kernelPackages.kernel;
      words = [ "init=${toplevel}/init" ] ++ config.boot.kernelParams;
      told = [
        "--role"
        config.nslab.guest.role
        "--kernel"
        "${linux}/bzImage"
        "--initrd"
        "${initialRamdisk}/initrd"
        "--root"
        (diskOf role kernel toplevel)
        "--modules"
        "${config.system.modulesTree}/lib/modules/${linux.modDirVersion}"
        "--command-line"
        (lib.concatStringsSep " " words)
        "--memory-min-mib"
        config.nslab.guest.memoryMinMib
      ]
      ++ lib.concatMap (version: [ "--version" version ]) (
        [
          "linux=${linux.version}"
          "kernel_release=${linux.modDirVersion}"
          "node=v${pkgs.nodejs-slim_24.version}"
          "nixos=${config.system.nixos.version}"
          "nslab=${pkgs.nslab.version}"
        ]
        ++ lib.optional (lib.elem pkgs.postgresql config.nslab.guest.programs) "postgres=${pkgs.postgresql.version}"
      );
    in
    # zstd: how nixpkgs packs its kernels, and nslab unpacks them.
    pkgs.runCommand "nslab-image-${role}-${kernel}" {
      nativeBuildInputs = [
        pkgs.nslab
        pkgs.zstd
      ];
      passthru = { inherit config; };
    } ''
      export HOME=$TMPDIR
      nslab seal-image ${lib.escapeShellArgs told} --out "$out"
    '';

  ofKernel = kernel: lib.genAttrs roles (role: imageOf role kernel);
  named = kernel: lib.mapAttrs' (role: value: { name = "${role}-${kernel}"; inherit value; }) (ofKernel kernel);
  default = ofKernel "lts";
  every = lib.concatMap (kernel: [ (named kernel) ]) (builtins.attrNames kernels);
  images = lib.foldl' (all: some: all // some) default every;
in
{
  inherit images roles;
  kernels = builtins.attrNames kernels;
  folder = pkgs.linkFarm "nslab-images" images;
}
