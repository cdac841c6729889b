// The units of the packet engine without sockets: prints TAP. Run by test/native/packets.test.ts under
// AddressSanitizer with UndefinedBehaviorSanitizer.
//
// packets-test SEED   the seed of the random walks

#include <cstdlib>

#include "test/packets_app_flows.cc"
#include "test/packets_chance.cc"
#include "test/packets_egress.cc"
#include "test/packets_egress_walk.cc"
#include "test/packets_frames.cc"
#include "test/packets_routes.cc"

void* operator new(size_t size) {
  nslab::test::allocations++;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto seed = static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10));
  nslab::test::frames::run_all(seed);
  nslab::test::routes::run_all(seed);
  nslab::test::app_flows::run_all(seed);
  nslab::test::egress::run_all();
  nslab::test::egress::run_chance();
  nslab::test::egress::run_walks(seed);
  return nslab::test::end_checks();
}
