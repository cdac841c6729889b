# The C++ tests, compiled with AddressSanitizer and UndefinedBehaviorSanitizer, and again with ThreadSanitizer: those of
# test/native that speak of sanitizers.
{ pkgs, testRun, ... }:
testRun {
  name = "native";
  inputs = [ pkgs.util-linux ];
  files = [ "$(grep -l sanitiz test/native/*.test.ts)" ];
}
