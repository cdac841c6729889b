# One app a scenario (nix run .#ring -- --nodes 800), nslab itself (nix run .#nslab -- doctor), and runs on another
# machine (nix run .#remote -- HOST churn --duration 12h). Each knows the derivations of the guest images of every role
# and kernel; nslab has Nix build the one that a run needs, when it needs it: a run on this machine itself needs none.
{
  lib,
  pkgs,
  scenarios,
  guests,
}:
let
  derivations = pkgs.writeText "nslab-image-derivations.json" (
    builtins.toJSON (lib.mapAttrs (_name: image: builtins.unsafeDiscardOutputDependency image.drvPath) guests.images)
  );
  app = name: words: {
    type = "app";
    program = toString (
      pkgs.writeShellScript name ''
        export NSLAB_IMAGE_DERIVATIONS=${derivations}
        exec ${lib.getExe pkgs.nslab} ${words} "$@"
      ''
    );
  };
  run = scenario: app "nslab-run-${scenario}" "run ${lib.escapeShellArg scenario}";
in
lib.genAttrs scenarios run
// {
  nslab = app "nslab" "";
  default = run "ring";
  remote = app "nslab-remote" "remote --closure ${pkgs.nslab}";
}
