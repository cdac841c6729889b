# Everything that the flake says, evaluated with the stand-in for nixpkgs: what a misspelt name, a missing file or a
# wrong option would show in. nix-instantiate --eval --strict --json --argstr flake DIR nix/ci/evaluate.nix
{ flake }:
let
  nixpkgs = (import ./stub/flake.nix).outputs { self = nixpkgs; };
  root = /. + flake;
  outputs = (import (root + "/flake.nix")).outputs { self = outputs; inherit nixpkgs; };
  system = "x86_64-linux";
  pkgs = nixpkgs.legacyPackages.${system}.extend outputs.overlays.default;
  services = settings: nixpkgs.lib.evalModule {
    module = outputs.nixosModules.default;
    inherit pkgs settings;
  };
  # What its builder is told; of a long script the beginning.
  attributesOf =
    derivation:
    builtins.mapAttrs (
      _name: value: if builtins.isString value then builtins.substring 0 1500 value else value
    ) derivation.drvAttrs;
  inherit (outputs.packages.${system}) nslab;
in
{
  packages = builtins.mapAttrs (_name: attributesOf) outputs.packages.${system};
  # What a guest is told; of the others only what they are built from.
  guest = builtins.removeAttrs outputs.packages.${system}.image-controller.config [ "nixpkgs" ];
  modules = attributesOf nslab.modules;
  native = attributesOf nslab.native;
  tarball = attributesOf (builtins.head nslab.modules.tarballs);
  inherit (nslab) meta;
  checks = builtins.mapAttrs (_name: attributesOf) outputs.checks.${system};
  # What the checks in microVMs are red or green about, and the same emulated.
  runs = builtins.mapAttrs (_name: check: attributesOf check.run) (
    nixpkgs.lib.filterAttrs (_name: check: check ? run) outputs.checks.${system}
  );
  emulated = builtins.mapAttrs (_name: check: attributesOf check.run) outputs.legacyPackages.${system}.emulated;
  elsewhere = {
    packages = builtins.mapAttrs (_name: attributesOf) outputs.packages.aarch64-linux;
    checks = builtins.mapAttrs (_name: builtins.mapAttrs (_name: attributesOf)) (
      builtins.removeAttrs outputs.checks [ system ]
    );
    apps = builtins.mapAttrs (_name: builtins.attrNames) outputs.apps;
  };
  shells = builtins.mapAttrs (_name: attributesOf) outputs.devShells.${system};
  sweeps = builtins.mapAttrs (_name: sweep: {
    runs = builtins.attrNames sweep.runs;
    first = attributesOf (builtins.head (builtins.attrValues sweep.runs));
    all = attributesOf sweep;
  }) outputs.sweeps;
  jobs = builtins.mapAttrs (_name: builtins.attrNames) outputs.hydraJobs;
  apps = builtins.mapAttrs (_name: app: { inherit (app) type program; }) outputs.apps.${system};
  nothing = builtins.attrNames (services { }).values;
  services = (services {
    services.nslab.controller.enable = true;
    services.nslab.fleet.enable = true;
  }).values;
}
