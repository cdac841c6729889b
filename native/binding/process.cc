// What a program of a run does about itself: it ends with its parent, and lets children inherit only what they are
// given; or begins anew.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "binding/addon.h"
#include "binding/errors.h"

namespace nslab::binding {
namespace {

Status set_parent_death_signal(int signal, pid_t expected_parent) {
  // The request belongs to one thread and ends with it: only the main thread lives as long as the process.
  if (::gettid() != ::getpid())
    return Status::failed(EINVAL, "prctl PR_SET_PDEATHSIG", "a thread", "not the main thread");
  if (::prctl(PR_SET_PDEATHSIG, signal) != 0) return Status::from_errno("prctl PR_SET_PDEATHSIG", "main thread");
  // Only now: a parent that ended before the call above sends nothing.
  if (::getppid() != expected_parent)
    return Status::failed(ESRCH, "getppid", "main thread", "parent " + std::to_string(expected_parent) + " is gone");
  return {};
}

Status close_on_exec(unsigned first, unsigned last) {
  if (first > last || ::syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC) == 0) return {};
  return Status::from_errno("close_range CLOEXEC", "process");
}

/** `kept` ascending. */
Status close_on_exec_except(const std::vector<uint32_t>& kept) {
  unsigned first = 3;
  for (const uint32_t fd : kept) {
    if (fd < first) continue;
    if (Status done = close_on_exec(first, fd - 1); !done) return done;
    first = fd + 1;
  }
  return close_on_exec(first, UINT_MAX);
}

/**
 * Returns only where it failed. The kernel ends all other threads. Standard streams and `kept` stay: libuv has made all
 * that a process of Node.js begins with close-on-exec.
 */
Status execute(const std::vector<std::string>& command, const std::vector<std::string>& environment,
               std::vector<uint32_t> kept) {
  const auto pointers = [](const std::vector<std::string>& words) {
    std::vector<char*> result;
    for (const std::string& word : words) result.push_back(const_cast<char*>(word.c_str()));
    result.push_back(nullptr);
    return result;
  };
  for (const uint32_t stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) kept.push_back(stream);
  for (const uint32_t fd : kept) (void)::fcntl(static_cast<int>(fd), F_SETFD, 0);
  (void)::execve(command.front().c_str(), pointers(command).data(), pointers(environment).data());
  return Status::from_errno("execve", command.front());
}

void throw_if_failed(Napi::Env env, const Status& status) {
  if (!status) to_js(env, status.error()).ThrowAsJavaScriptException();
}

void js_set_parent_death_signal(const Napi::CallbackInfo& info) {
  if (info.Length() != 2 || !info[0].IsNumber() || !info[1].IsNumber())
    return throw_argument(info.Env(), "setParentDeathSignal(signal: number, expectedParentPid: number)");
  const int signal = info[0].As<Napi::Number>().Int32Value();
  if (signal < 1 || signal > SIGRTMAX) return throw_argument(info.Env(), "setParentDeathSignal: no such signal");
  throw_if_failed(info.Env(), set_parent_death_signal(signal, info[1].As<Napi::Number>().Int32Value()));
}

/** Nothing, and an exception, where it is no list of descriptors. */
std::optional<std::vector<uint32_t>> descriptors_of(const Napi::Value& value) {
  std::vector<uint32_t> descriptors;
  if (value.IsArray()) {
    const auto list = value.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length(); i++) {
      const Napi::Value item = list.Get(i);
      const int32_t fd = item.IsNumber() ? item.As<Napi::Number>().Int32Value() : -1;
      if (fd < 0) break;
      descriptors.push_back(static_cast<uint32_t>(fd));
    }
    if (descriptors.size() == list.Length()) return descriptors;
  }
  throw_argument(value.Env(), "a list of descriptors is wanted: numbers from 0");
  return {};
}

void js_close_on_exec(const Napi::CallbackInfo& info) {
  if (info.Length() != 1) return throw_argument(info.Env(), "closeOnExec(except: number[])");
  auto kept = descriptors_of(info[0]);
  if (!kept) return;
  std::sort(kept->begin(), kept->end());
  throw_if_failed(info.Env(), close_on_exec_except(*kept));
}

std::vector<std::string> words_of(const Napi::Value& value) {
  const auto list = value.As<Napi::Array>();
  std::vector<std::string> words;
  for (uint32_t i = 0; i < list.Length(); i++) words.push_back(list.Get(i).ToString().Utf8Value());
  return words;
}

void js_execute(const Napi::CallbackInfo& info) {
  if (info.Length() != 3 || !info[0].IsArray() || !info[1].IsArray() || info[0].As<Napi::Array>().Length() == 0)
    return throw_argument(info.Env(), "execute(command: string[], environment: string[], kept: number[])");
  const auto kept = descriptors_of(info[2]);
  if (kept) throw_if_failed(info.Env(), execute(words_of(info[0]), words_of(info[1]), *kept));
}

}  // namespace

void init_process(Napi::Env env, Napi::Object exports) {
  exports.Set("setParentDeathSignal", Napi::Function::New<js_set_parent_death_signal>(env, "setParentDeathSignal"));
  exports.Set("execute", Napi::Function::New<js_execute>(env, "execute"));
  exports.Set("closeOnExec", Napi::Function::New<js_close_on_exec>(env, "closeOnExec"));
}

}  // namespace nslab::binding
