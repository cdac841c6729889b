# The C++ tests, compiled with AddressSanitizer and UndefinedBehaviorSanitizer, and again with ThreadSanitizer.
{ pkgs, testRun, ... }:
testRun {
  name = "native";
  inputs = [ pkgs.util-linux ];
  files = map (name: "test/native/${name}.test.ts") [
    "churn"
    "diag"
    "discover"
    "lanes"
    "max"
    "packets"
    "rtnl"
    "sanitizers"
  ];
}
