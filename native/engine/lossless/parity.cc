#include "engine/lossless/parity.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstring>
#include <mutex>

namespace nslab::engine::lossless {

/** As in isa-l/erasure_code.h, versions 2.14 and later. */
struct IsaL {
  void (*cauchy)(uint8_t* matrix, int rows, int columns) = nullptr;
  int (*invert)(uint8_t* in, uint8_t* out, int n) = nullptr;
  void (*tables)(int k, int rows, uint8_t* matrix, uint8_t* tables) = nullptr;
  void (*encode)(int bytes, int k, int rows, uint8_t* tables, uint8_t** from, uint8_t** to) = nullptr;
};

namespace {

constexpr size_t kTableBytes = 32;

// Node.js has a gf_mul of its own (OpenSSL's, of another field), which the library's calls would find first and crash
// in. Sanitizers, whose programs have none, refuse the flag.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kOwnNamesFirst = 0;
#else
constexpr int kOwnNamesFirst = RTLD_DEEPBIND;
#endif

template <typename Function>
bool find(void* library, const char* name, Function*& to) {
  to = reinterpret_cast<Function*>(::dlsym(library, name));
  return to != nullptr;
}

struct Found {
  IsaL functions;
  bool ok = false;
};

Found load() {
  Found found;
  void* library = ::dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL | kOwnNamesFirst);
  if (!library) return found;
  IsaL& to = found.functions;
  found.ok = find(library, "gf_gen_cauchy1_matrix", to.cauchy) && find(library, "gf_invert_matrix", to.invert) &&
             find(library, "ec_init_tables", to.tables) && find(library, "ec_encode_data", to.encode);
  return found;
}

}  // namespace

Result<const IsaL*> isa_l() {
  // Tried again where it was absent: it may have been installed since.
  static const Found* kept = nullptr;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (!kept) {
    const Found found = load();
    if (!found.ok)
      return Status::failed(ENOENT, "libisal.so.2", "forward error correction",
                            "ISA-L is not installed (apt-get install libisal2); or take session_mode = \"plain\"");
    kept = new Found(found);
  }
  return &kept->functions;
}

Parity::Parity(const IsaL* library, uint32_t source_symbols, uint32_t parity_symbols)
    : library_(library), k_(source_symbols), r_(library ? parity_symbols : 0) {
  if (r_ == 0) return;
  matrix_.resize(size_t{k_ + r_} * k_);
  library_->cauchy(matrix_.data(), static_cast<int>(k_ + r_), static_cast<int>(k_));
  tables_.resize(kTableBytes * k_ * r_);
  library_->tables(static_cast<int>(k_), static_cast<int>(r_), matrix_.data() + size_t{k_} * k_, tables_.data());
  part_.resize(size_t{k_} * k_);
  inverse_.resize(size_t{k_} * k_);
  decode_.resize(size_t{k_} * r_);
  decode_tables_.resize(kTableBytes * k_ * r_);
  from_.resize(k_);
  to_.resize(r_);
}

void Parity::encode(uint8_t* rows, uint32_t bytes) {
  if (r_ == 0) return;
  for (uint32_t i = 0; i < k_; i++) from_[i] = rows + size_t{i} * bytes;
  for (uint32_t i = 0; i < r_; i++) to_[i] = rows + size_t{k_ + i} * bytes;
  library_->encode(static_cast<int>(bytes), static_cast<int>(k_), static_cast<int>(r_), tables_.data(), from_.data(),
                   to_.data());
}

bool Parity::restore(uint8_t* rows, uint32_t bytes, std::span<const bool> has) {
  uint32_t absent = 0;
  for (uint32_t i = 0; i < k_; i++) absent += has[i] ? 0 : 1;
  if (absent == 0) return true;
  if (absent > r_) return false;
  uint32_t taken = 0;
  for (uint32_t i = 0; i < k_ + r_ && taken < k_; i++) {
    if (!has[i]) continue;
    std::memcpy(part_.data() + size_t{taken} * k_, matrix_.data() + size_t{i} * k_, k_);
    from_[taken++] = rows + size_t{i} * bytes;
  }
  if (taken < k_ || library_->invert(part_.data(), inverse_.data(), static_cast<int>(k_)) != 0) return false;
  uint32_t made = 0;
  for (uint32_t i = 0; i < k_; i++) {
    if (has[i]) continue;
    std::memcpy(decode_.data() + size_t{made} * k_, inverse_.data() + size_t{i} * k_, k_);
    to_[made++] = rows + size_t{i} * bytes;
  }
  library_->tables(static_cast<int>(k_), static_cast<int>(made), decode_.data(), decode_tables_.data());
  library_->encode(static_cast<int>(bytes), static_cast<int>(k_), static_cast<int>(made), decode_tables_.data(),
                   from_.data(), to_.data());
  return true;
}

}  // namespace nslab::engine::lossless
