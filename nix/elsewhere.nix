# Systems that nslab does not run on: every app and package is there, and says so. A check fails, for a gate that had
# nothing to check would be green.
{
  lib,
  nixpkgs,
  scenarios,
}:
let
  systems = [
    "aarch64-linux"
    "aarch64-darwin"
    "x86_64-darwin"
  ];
  sentence =
    system:
    "nslab: microVMs and the guests' kernel need x86_64-linux, and this is ${system}: "
    + "run it on such a machine (nix run .#remote -- HOST ring), or build there (nix build --builders)";
  refusal =
    system:
    nixpkgs.legacyPackages.${system}.runCommand "nslab-needs-x86_64-linux" { } ''
      echo ${lib.escapeShellArg (sentence system)} >&2
      exit 3
    '';
  app = system: {
    type = "app";
    program = toString (
      nixpkgs.legacyPackages.${system}.writeShellScript "nslab-needs-x86_64-linux" ''
        echo ${lib.escapeShellArg (sentence system)} >&2
        exit 3
      ''
    );
  };
in
{
  packages = lib.genAttrs systems (system: {
    default = refusal system;
    nslab = refusal system;
  });
  apps = lib.genAttrs systems (system: lib.genAttrs (scenarios ++ [ "default" "nslab" "remote" ]) (_name: app system));
  checks = lib.genAttrs systems (system: {
    system = refusal system;
  });
}
