# One app a scenario (nix run .#ring -- --nodes 800), nslab itself (nix run .#nslab -- doctor), and runs on another
# machine (nix run .#remote -- HOST churn --duration 12h).
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
  remote = app (toString (pkgs.writeShellScript "nslab-remote" ''
    exec ${nslab} remote --closure ${pkgs.nslab} "$@"
  ''));
}
