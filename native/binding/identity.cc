// What makes a guest that was restored from a snapshot a machine of its own, as far as only system calls can: other
// random numbers than its siblings', and the time of day.
#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/fd.h"
#include "base/status.h"
#include "base/sys.h"
#include "binding/addon.h"
#include "binding/errors.h"

namespace nslab::binding {
namespace {

constexpr const char* kRandomDevice = "/dev/urandom";

/** Mixes `seed` in, counts it as entropy, and has the generator take a new key at once: random(4). */
Status reseed_random(const uint8_t* seed, size_t size) {
  const UniqueFd device(sys::retry_eintr([] { return ::open(kRandomDevice, O_WRONLY | O_CLOEXEC); }));
  if (!device) return Status::from_errno("open", kRandomDevice);
  // struct rand_pool_info ends in an array of unknown length.
  std::vector<uint32_t> request(2 + (size + 3) / 4);
  request[0] = static_cast<uint32_t>(size * 8);
  request[1] = static_cast<uint32_t>(size);
  std::memcpy(&request[2], seed, size);
  if (::ioctl(device.get(), RNDADDENTROPY, request.data()) != 0)
    return Status::from_errno("ioctl RNDADDENTROPY", kRandomDevice);
  if (::ioctl(device.get(), RNDRESEEDCRNG) != 0) return Status::from_errno("ioctl RNDRESEEDCRNG", kRandomDevice);
  return {};
}

Status set_wall_clock(double ms) {
  const double seconds = std::floor(ms / 1000);
  const struct timespec time = {static_cast<time_t>(seconds), static_cast<long>((ms - seconds * 1000) * 1e6)};
  if (::clock_settime(CLOCK_REALTIME, &time) != 0) return Status::from_errno("clock_settime", "CLOCK_REALTIME");
  return {};
}

void throw_if_failed(Napi::Env env, const Status& status) {
  if (!status) to_js(env, status.error()).ThrowAsJavaScriptException();
}

void js_reseed_random(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsBuffer()) return throw_argument(info.Env(), "reseedRandom(seed: Buffer)");
  const auto seed = info[0].As<Napi::Buffer<uint8_t>>();
  if (seed.Length() == 0 || seed.Length() > 4096)
    return throw_argument(info.Env(), "reseedRandom: a seed has 1 to 4096 bytes");
  throw_if_failed(info.Env(), reseed_random(seed.Data(), seed.Length()));
}

void js_set_wall_clock(const Napi::CallbackInfo& info) {
  const double ms = info.Length() == 1 && info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(ms >= 0 && ms < 1e14)) return throw_argument(info.Env(), "setWallClock(ms: number since the epoch)");
  throw_if_failed(info.Env(), set_wall_clock(ms));
}

}  // namespace

void init_identity(Napi::Env env, Napi::Object exports) {
  exports.Set("reseedRandom", Napi::Function::New<js_reseed_random>(env, "reseedRandom"));
  exports.Set("setWallClock", Napi::Function::New<js_set_wall_clock>(env, "setWallClock"));
}

}  // namespace nslab::binding
