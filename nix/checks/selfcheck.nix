# Every gate of a soak shown to turn red, in microVMs: a folder of run folders.
{ vmRun, ... }:
vmRun {
  name = "selfcheck";
  words = [ "selfcheck" ];
}
