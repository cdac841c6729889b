// Names of kinds, faults and populations stand here alone.
#include "binding/churn_lines.h"

#include <cmath>
#include <iterator>
#include <string>
#include <type_traits>

#include "binding/arguments.h"

namespace nslab::binding {
namespace {

// In the order of the enumerations.
constexpr const char* kKinds[] = {"named", "mounted", "process", "thread", "descriptor", "socket"};
constexpr const char* kFaults[] = {nullptr, "same_name", "inode_reuse", "remove_while_entered", "leader_dead"};
constexpr const char* kPopulations[] = {"pair", "short", "half_closed", "time_wait", "listener"};

constexpr double kDueMax = 1e9;
constexpr uint64_t kCountMax = 1'000'000;
/** The kernel takes no more (tcp_ehash_entries_max). */
constexpr uint64_t kTableEntriesMax = 1 << 24;
/** Ids of namespaces are 32 bits with a sign. */
constexpr uint64_t kIdMax = INT32_MAX;
constexpr uint64_t kOpMax = (1ULL << 53) - 1;

template <typename T, size_t size>
std::optional<T> by_name(Napi::Value value, const char* const (&names)[size]) {
  const auto name = text(value);
  for (size_t i = 0; name && i < size; ++i)
    if (names[i] != nullptr && *name == names[i]) return static_cast<T>(i);
  return std::nullopt;
}

template <typename T, size_t size>
Napi::Value name_of(Napi::Env env, T value, const char* const (&names)[size]) {
  const char* name = names[static_cast<size_t>(value)];
  return name == nullptr ? env.Null() : Napi::Value(Napi::String::New(env, name));
}

/** Of /run/netns and the like: a file name of a sensible length. */
bool is_file_name(const std::string& name) {
  return !name.empty() && name.size() <= 200 && name[0] != '.' && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

std::optional<churn::Operation> read_operation(Napi::Value value, int64_t begin_ns) {
  if (!value.IsObject()) return std::nullopt;
  const auto fields = value.As<Napi::Object>();
  const auto op = whole_number(fields.Get("op"), 1, kOpMax);
  const auto id = whole_number(fields.Get("id"), 1, kIdMax);
  const Napi::Value due = fields.Get("due_s");
  const auto what = text(fields.Get("do"));
  if (!op || !id || !due.IsNumber() || !what) return std::nullopt;
  const double due_s = due.As<Napi::Number>().DoubleValue();
  if (!(due_s >= 0 && due_s <= kDueMax)) return std::nullopt;
  churn::Operation operation;
  operation.op = *op;
  operation.id = *id;
  operation.due_ns = begin_ns + std::llround(due_s * 1e9);
  if (*what == "drop") return operation;
  const auto kind = by_name<churn::Kind>(fields.Get("kind"), kKinds);
  const Napi::Value fault = fields.Get("fault");
  const auto faulted = fault.IsNull() ? std::optional(churn::Fault::none) : by_name<churn::Fault>(fault, kFaults);
  if (*what != "make" || !kind || !faulted) return std::nullopt;
  operation.make = true;
  operation.kind = *kind;
  operation.fault = *faulted;
  operation.fill = fields.Get("fill").ToBoolean();
  if (operation.fill) operation.due_ns = 0;
  if (const auto name = text(fields.Get("name"))) operation.name = *name;
  const bool named = *kind == churn::Kind::named || *kind == churn::Kind::mounted;
  if (named ? !is_file_name(operation.name) : !operation.name.empty()) return std::nullopt;
  return operation;
}

/** Builds one line. */
class Line {
 public:
  Line(Napi::Env env, const char* is, int64_t origin_ns)
      : env_(env), origin_ns_(origin_ns), object_(Napi::Object::New(env)) {
    object_.Set("is", is);
  }
  Line& number(const char* key, uint64_t value) {
    object_.Set(key, static_cast<double>(value));
    return *this;
  }
  Line& seconds(const char* key, int64_t ns) {
    object_.Set(key, since_origin(ns));
    return *this;
  }
  Line& value(const char* key, Napi::Value value) {
    object_.Set(key, value);
    return *this;
  }
  [[nodiscard]] double since_origin(int64_t ns) const { return static_cast<double>(ns - origin_ns_) / 1e9; }
  [[nodiscard]] Napi::Object done() const { return object_; }

 private:
  const Napi::Env env_;
  const int64_t origin_ns_;
  Napi::Object object_;
};

Napi::Value socket_to_js(Napi::Env env, const churn::SocketTruth& truth, const Line& line) {
  Napi::Object socket = Napi::Object::New(env);
  socket.Set("population", name_of(env, truth.population, kPopulations));
  if (truth.cookie == 0) socket.Set("cookie", env.Null());
  else socket.Set("cookie", std::to_string(truth.cookie));
  socket.Set("family", truth.family);
  socket.Set("port", truth.port);
  socket.Set("peer_port", truth.peer_port);
  if (truth.from_ns != 0) socket.Set("from_s", line.since_origin(truth.from_ns));
  if (truth.until_ns != 0) socket.Set("until_s", line.since_origin(truth.until_ns));
  return socket;
}

Napi::Object to_line(Napi::Env env, const churn::Made& made, int64_t origin_ns) {
  Line line(env, "made", origin_ns);
  const churn::Operation& operation = made.operation;
  line.number("op", operation.op).number("id", operation.id);
  line.value("kind", name_of(env, operation.kind, kKinds)).value("fill", Napi::Boolean::New(env, operation.fill));
  line.value("name", operation.name.empty() ? env.Null() : Napi::Value(Napi::String::New(env, operation.name)));
  line.value("fault", name_of(env, operation.fault, kFaults));
  line.value("cookie", Napi::String::New(env, std::to_string(made.cookie))).number("inode", made.inode);
  line.seconds("due_s", operation.due_ns).seconds("asked_s", made.asked_ns);
  line.seconds("exists_s", made.exists_ns).seconds("made_s", made.made_ns);
  Napi::Array sockets = Napi::Array::New(env, made.sockets.size());
  for (uint32_t i = 0; i < made.sockets.size(); ++i) sockets.Set(i, socket_to_js(env, made.sockets[i], line));
  return line.value("sockets", sockets).done();
}

Napi::Object to_line(Napi::Env env, const churn::Dropped& dropped, int64_t origin_ns) {
  Line line(env, "dropped", origin_ns);
  line.number("op", dropped.op).number("id", dropped.id).seconds("due_s", dropped.due_ns);
  line.seconds("asked_s", dropped.asked_ns).seconds("returned_s", dropped.returned_ns);
  if (dropped.gone_ns == 0) line.value("gone_s", env.Null());
  else line.seconds("gone_s", dropped.gone_ns);
  line.value("gone_error_s", Napi::Number::New(env, static_cast<double>(dropped.gone_error_ns) / 1e9));
  if (dropped.ended.empty()) return line.done();
  Napi::Array ended = Napi::Array::New(env, dropped.ended.size());
  for (uint32_t i = 0; i < dropped.ended.size(); ++i) {
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0U, dropped.ended[i].first);
    pair.Set(1U, line.since_origin(dropped.ended[i].second));
    ended.Set(i, pair);
  }
  return line.value("ended", ended).done();
}

Napi::Object to_line(Napi::Env env, const churn::Failed& failed, int64_t origin_ns) {
  Line line(env, "failed", origin_ns);
  line.number("op", failed.op).number("id", failed.id).seconds("t_s", failed.at_ns);
  line.value("operation", Napi::String::New(env, failed.operation));
  return line.value("reason", Napi::String::New(env, errno_name(failed.number))).done();
}

Napi::Object to_line(Napi::Env env, const churn::Passed& passed, int64_t origin_ns) {
  Line line(env, "passed", origin_ns);
  line.number("op", passed.op).number("id", passed.id).seconds("t_s", passed.at_ns);
  Napi::Array cookies = Napi::Array::New(env, passed.cookies.size());
  for (uint32_t i = 0; i < passed.cookies.size(); ++i) cookies.Set(i, std::to_string(passed.cookies[i]));
  return line.value("cookies", cookies).done();
}

}  // namespace

std::optional<std::vector<churn::Operation>> read_operations(Napi::Value list, int64_t begin_ns) {
  if (!list.IsArray()) return std::nullopt;
  const auto array = list.As<Napi::Array>();
  std::vector<churn::Operation> operations;
  operations.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::HandleScope scope(list.Env());
    auto operation = read_operation(array.Get(i), begin_ns);
    if (!operation) return std::nullopt;
    operations.push_back(std::move(*operation));
  }
  return operations;
}

const char* read_churn_options(Napi::Value value, churn::Options& options) {
  if (!value.IsObject()) return "options is no object";
  const auto fields = value.As<Napi::Object>();
  const auto directory = text(fields.Get("directory"));
  const auto mounted = text(fields.Get("mountedDirectory"));
  const auto program = text(fields.Get("holdProgram"));
  const auto threads = whole_number(fields.Get("threads"), 1, 64);
  if (!directory || !mounted || !program) return "options.directory, .mountedDirectory, .holdProgram: string";
  const auto entries = whole_number(fields.Get("tableEntries"), 0, kTableEntriesMax);
  if (!threads) return "options.threads: 1 to 64";
  if (!entries) return "options.tableEntries: 0 to 2^24";
  options.places = {*directory, *mounted, *program};
  options.threads = static_cast<uint32_t>(*threads);
  options.table_entries = static_cast<uint32_t>(*entries);
  if (!fields.Get("sockets").IsObject()) return "options.sockets is no object";
  const auto sockets = fields.Get("sockets").As<Napi::Object>();
  churn::SocketsSpec& spec = options.sockets;
  const std::pair<const char*, uint32_t*> counts[] = {{"pairs", &spec.pairs},
                                                      {"short", &spec.short_lived},
                                                      {"halfClosed", &spec.half_closed},
                                                      {"timeWait", &spec.time_wait},
                                                      {"listeners", &spec.listeners}};
  for (const auto& [key, field] : counts) {
    const auto count = whole_number(sockets.Get(key), 0, kCountMax);
    if (!count) return "options.sockets: numbers of sockets";
    *field = static_cast<uint32_t>(*count);
  }
  const auto families = sockets.Get("families").IsArray() ? sockets.Get("families").As<Napi::Array>() : Napi::Array();
  for (uint32_t i = 0; !families.IsEmpty() && i < families.Length(); ++i) {
    const auto family = whole_number(families.Get(i), 4, 6);
    if (!family || *family == 5) return "options.sockets.families: 4 and 6";
    spec.families.push_back(static_cast<uint8_t>(*family));
  }
  return spec.families.empty() ? "options.sockets.families: 4 and 6" : nullptr;
}

Napi::Array lines_to_js(Napi::Env env, const std::vector<churn::Line>& lines, int64_t origin_ns) {
  Napi::Array array = Napi::Array::New(env, lines.size());
  for (uint32_t i = 0; i < lines.size(); ++i) {
    const Napi::HandleScope scope(env);
    array.Set(i, std::visit([&](const auto& line) { return to_line(env, line, origin_ns); }, lines[i]));
  }
  return array;
}

}  // namespace nslab::binding
