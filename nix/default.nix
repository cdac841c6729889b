# The outputs of the flake. Each part is a file beside this one; the scenarios are those of soak/scenarios, by their
# names.
{ self, nixpkgs }:
let
  # QEMU's microvm machine and the guests' kernel are x86's; the addon itself is not.
  system = "x86_64-linux";
  pkgs = nixpkgs.legacyPackages.${system}.extend self.overlays.default;
  inherit (nixpkgs) lib;
  scenarios = import ./scenarios.nix { inherit lib; };
  guests = import ./images.nix { inherit lib nixpkgs pkgs; };
  # image-fleet, image-fleet-latest, …
  images = lib.mapAttrs' (name: value: { name = "image-${name}"; inherit value; }) guests.images;
  image = guests.images.controller;
  checks = import ./checks {
    inherit
      lib
      pkgs
      scenarios
      guests
      image
      ;
  };
  vmChecks = lib.filterAttrs (_name: check: check ? run) checks;
  sweeps = import ./sweeps.nix {
    inherit
      lib
      pkgs
      scenarios
      guests
      image
      ;
  };
  # nix run, nix build and nix flake check elsewhere say what is wrong, in place of a missing attribute or of nothing.
  elsewhere = import ./elsewhere.nix { inherit lib nixpkgs scenarios; };
in
{
  overlays.default = import ./overlay.nix;
  nixosModules.default = import ./module.nix self;

  packages = elsewhere.packages // {
    ${system} = {
      inherit (pkgs) nslab;
      default = pkgs.nslab;
      # The run folders of the checks in microVMs, whatever their verdicts: what a CI publishes.
      gate-runs = pkgs.linkFarm "nslab-gate-runs" (lib.mapAttrs (_name: check: check.run) vmChecks);
      images = guests.folder;
    } // images;
  };
  apps = elsewhere.apps // {
    ${system} = import ./apps.nix { inherit lib pkgs scenarios guests; };
  };
  checks = elsewhere.checks // {
    ${system} = checks;
  };
  devShells.${system}.default = import ./dev-shell.nix { inherit pkgs; };

  # The same checks emulated, for machines without KVM: only by name (nix build .#emulated.ring-smoke), never a gate.
  legacyPackages.${system}.emulated = lib.mapAttrs (_name: check: check.override { accel = "tcg"; }) vmChecks;

  inherit sweeps;
  hydraJobs = {
    checks.${system} = checks;
    packages.${system} = self.packages.${system};
    sweeps = lib.mapAttrs (_name: sweep: sweep.runs) sweeps;
  };
}
