# The guest of a churn soak, which is a whole run in one VM: a controller's, PostgreSQL for its rows included.
{
  # The same system today, with the same sizes: what churns, its observer and their histories are counted by the run
  # (src/vm/memory.ts). It has a module of its own for what only soaks need, such as an observer of yours ([sut]).
  imports = [ ./controller.nix ];
}
