# One app a scenario (nix run .#ring -- --nodes 800), and nslab itself (nix run .#nslab -- doctor).
{ lib, pkgs, scenarios }:
let
  nslab = lib.getExe pkgs.nslab;
  app = program: { type = "app"; inherit program; };
  run = scenario: app (toString (pkgs.writeShellScript "nslab-run-${scenario}" ''
    exec ${nslab} run ${lib.escapeShellArg scenario} "$@"
  ''));
in
lib.genAttrs scenarios run // {
  nslab = app nslab;
  default = run "ring";
}
