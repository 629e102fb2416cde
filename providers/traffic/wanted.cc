#include "providers/traffic/wanted.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

bool isWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

bool isName(std::string_view text) {
  return !text.empty() && text.size() <= 128 && text.front() != '-' && text.front() != '.' &&
         std::all_of(text.begin(), text.end(), isWordChar);
}

bool isIpv6(const std::string& text) {
  in6_addr ignored{};
  return inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

bool isPath(std::string_view text) {
  return text.size() > 1 && text.size() <= 512 && text.front() == '/' && text.find("/../") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return isWordChar(c) || c == '/' || c == '@' || c == '+'; });
}

bool isAdmin(std::string_view text) {
  return isPath(text) || (text.find(':') != std::string_view::npos && text.size() <= 512 &&
                          std::all_of(text.begin(), text.end(),
                                      [](char c) { return isWordChar(c) || c == ':' || c == '[' || c == ']'; }) &&
                          text.front() != '-');
}

Status must(bool holds, std::string_view field, std::string_view value, std::string_view rule) {
  if (holds) {
    return Status::ok();
  }
  return {Code::Invalid, cat(field, ": \"", printable(value), "\" ", rule)};
}

Status checkBackend(const TrafficBackend& backend) {
  SLIPWAY_RETURN_IF_ERROR(must(isName(backend.name), "backend name", backend.name,
                               "must be 1 to 128 letters, digits, '.', '_', '-', not beginning with '.' or '-'"));
  SLIPWAY_RETURN_IF_ERROR(must(isName(backend.address) || isIpv6(backend.address), cat("address of ", backend.name),
                               backend.address, "is no IP address and no host name"));
  return must(backend.port > 0 && backend.port < 65536, cat("port of ", backend.name), std::to_string(backend.port),
              "must be 1 to 65535");
}

Status checkStickiness(const TrafficSpec& spec, const Stickiness& stickiness) {
  if (stickiness.cookie.empty()) {
    return Status::ok();
  }
  if (spec.type == ProxyType::Nginx) {
    return {Code::Invalid, "stickiness: open source nginx sets no cookie of its own: use haproxy, caddy or traefik"};
  }
  const bool token = stickiness.cookie.size() <= 64 && std::all_of(stickiness.cookie.begin(), stickiness.cookie.end(),
                                                                   [](char c) { return isWordChar(c) && c != '.'; });
  SLIPWAY_RETURN_IF_ERROR(
      must(token, "name of the cookie", stickiness.cookie, "must be 1 to 64 letters, digits, '_', '-'"));
  return must(stickiness.maxAge % std::chrono::seconds(1) == Duration(0) && stickiness.maxAge >= Duration(0),
              "age of the cookie", formatDuration(stickiness.maxAge), "must be whole seconds");
}

Status noBackend(const TrafficSpec& spec, const std::string& name, const std::vector<BackendState>& now) {
  std::vector<std::string> names;
  for (const BackendState& state : now) {
    names.push_back(state.backend.name);
  }
  return {Code::NotFound, cat("\"", printable(name), "\" is no backend of ", spec.service, ", which has ",
                              names.empty() ? "none" : join(names, ", "))};
}

// The action's part of wantedAfter.
struct Planner {
  const TrafficSpec& spec;
  Wanted& wanted;

  Status operator()(const ReadTraffic&) const { return Status::ok(); }
  Status operator()(const RestoreTraffic&) const { return Status::ok(); }
  Status operator()(const SetWeights& action) const {
    for (const auto& [name, weight] : action.weights) {
      BackendState* state = findBackend(wanted.backends, name);
      if (state == nullptr) {
        return noBackend(spec, name, wanted.backends);
      }
      state->weight = weight;
    }
    wanted.stickiness = action.stickiness;
    return Status::ok();
  }
  Status operator()(const AddBackend& action) const {
    BackendState* state = findBackend(wanted.backends, action.backend.name);
    if (state == nullptr) {
      // What a person has written without a name takes this one.
      state = findBackend(wanted.backends, hostPort(action.backend));
    }
    if (state != nullptr && state->backend.name != action.backend.name) {
      state->backend = action.backend;
      sortByName(wanted.backends);
      return Status::ok();
    }
    if (state == nullptr) {
      wanted.backends.push_back({.backend = action.backend});
      sortByName(wanted.backends);
      return Status::ok();
    }
    if (state->backend != action.backend && state->weight > 0) {
      return {Code::Conflict,
              cat("backend ", action.backend.name, " has weight ", state->weight, " at ", hostPort(state->backend),
                  ": drain it before it is moved to ", hostPort(action.backend))};
    }
    state->backend = action.backend;
    return Status::ok();
  }
  Status operator()(const RemoveBackend& action) const {
    const BackendState* state = findBackend(wanted.backends, action.name);
    if (state == nullptr) {
      return Status::ok();
    }
    if (state->weight > 0) {
      return {Code::Conflict, cat("backend ", action.name, " has weight ", state->weight, ": drain it first")};
    }
    std::erase_if(wanted.backends, [&](const BackendState& one) { return one.backend.name == action.name; });
    return Status::ok();
  }
  Status operator()(const DrainBackend& action) const {
    BackendState* state = findBackend(wanted.backends, action.name);
    if (state == nullptr) {
      return noBackend(spec, action.name, wanted.backends);
    }
    state->weight = 0;
    wanted.draining = action.name;
    return Status::ok();
  }
  Status operator()(const SetWriter& action) const {
    if (spec.writeService.empty()) {
      return {Code::Invalid, cat("spec.traffic.writeService is not set: ", spec.service, " has no writer")};
    }
    if (findBackend(wanted.backends, action.name) == nullptr) {
      return noBackend(spec, action.name, wanted.backends);
    }
    for (BackendState& state : wanted.backends) {
      state.writer = state.backend.name == action.name;
    }
    return Status::ok();
  }
};

}  // namespace

Status checkRequest(const TrafficRequest& request) {
  const TrafficSpec& spec = request.spec;
  SLIPWAY_RETURN_IF_ERROR(must(isName(spec.service), "spec.traffic.service", spec.service,
                               "must be letters, digits, '.', '_', '-', not beginning with '.' or '-'"));
  SLIPWAY_RETURN_IF_ERROR(
      must(spec.writeService.empty() ||
               (isName(spec.writeService) && spec.type == ProxyType::HaProxy && spec.writeService != spec.service),
           "spec.traffic.writeService", spec.writeService, "must be the name of another backend, of type haproxy"));
  const std::string file = spec.filePath();
  SLIPWAY_RETURN_IF_ERROR(must(isPath(file) || (file.empty() && spec.type == ProxyType::Caddy), "spec.traffic.file",
                               file, "must be an absolute path"));
  const std::string admin = spec.adminAddress();
  SLIPWAY_RETURN_IF_ERROR(must(isAdmin(admin) || spec.type == ProxyType::Nginx, "spec.traffic.admin", admin,
                               "must be HOST:PORT or the absolute path of a socket"));
  SLIPWAY_RETURN_IF_ERROR(
      must(isPath(spec.pidFilePath()), "spec.traffic.pidFile", spec.pidFile, "must be an absolute path"));
  if (const auto* weights = std::get_if<SetWeights>(&request.action)) {
    for (const auto& [name, weight] : weights->weights) {
      SLIPWAY_RETURN_IF_ERROR(must(weight >= 0 && weight <= kMaxBackendWeight, cat("weight of ", name),
                                   std::to_string(weight), cat("must be 0 to ", kMaxBackendWeight)));
    }
    SLIPWAY_RETURN_IF_ERROR(checkStickiness(spec, weights->stickiness));
  }
  if (const auto* add = std::get_if<AddBackend>(&request.action)) {
    SLIPWAY_RETURN_IF_ERROR(checkBackend(add->backend));
  }
  if (request.overwriteEdits && request.expected.empty()) {
    return {Code::Invalid, "edits are overwritten only when the version that was read is expected"};
  }
  return Status::ok();
}

Result<Wanted> wantedAfter(const TrafficRequest& request, const Sight& now) {
  Wanted wanted{.backends = now.configured, .draining = {}, .stickiness = now.stickiness};
  if (const Status status = std::visit(Planner{request.spec, wanted}, request.action); !status) {
    return status;
  }
  // Somebody takes the writes as soon as there is anybody.
  const bool written = std::any_of(wanted.backends.begin(), wanted.backends.end(),
                                   [](const BackendState& state) { return state.writer; });
  if (!request.spec.writeService.empty() && !written && !wanted.backends.empty()) {
    wanted.backends.front().writer = true;
  }
  return wanted;
}

bool Wanted::sameAs(const std::vector<BackendState>& other) const {
  return std::equal(backends.begin(), backends.end(), other.begin(), other.end(),
                    [](const BackendState& one, const BackendState& two) {
                      return one.backend == two.backend && one.weight == two.weight && one.writer == two.writer;
                    });
}

std::string hostPort(const TrafficBackend& backend) {
  const bool brackets = backend.address.find(':') != std::string::npos;
  return cat(brackets ? "[" : "", backend.address, brackets ? "]" : "", ":", backend.port);
}

bool parseHostPort(std::string_view text, TrafficBackend& out) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return false;
  }
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']' && host.size() > 2) {
    host = host.substr(1, host.size() - 2);
  }
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  out.address = host;
  return error == std::errc() && end == port.data() + port.size() && out.port > 0 && out.port < 65536;
}

int connectionsTo(const TrafficBackend& backend, const std::map<std::string, int>& connections) {
  const auto hex = [](const std::uint32_t* words, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      std::array<char, 9> digits{};
      static constexpr std::string_view kDigits = "0123456789ABCDEF";
      for (std::size_t d = 0; d < 8; ++d) {
        digits.at(d) = kDigits[(words[i] >> (28 - 4 * d)) & 0xFU];
      }
      out.append(digits.data(), 8);
    }
    return out;
  };
  std::vector<std::string> hosts;
  std::array<std::uint32_t, 4> words{};
  const bool local = backend.address == "localhost";
  if (inet_pton(AF_INET, local ? "127.0.0.1" : backend.address.c_str(), words.data()) == 1) {
    hosts = {hex(words.data(), 1), cat("0000000000000000FFFF0000", hex(words.data(), 1))};
  }
  if (inet_pton(AF_INET6, local ? "::1" : backend.address.c_str(), words.data()) == 1) {
    hosts.push_back(hex(words.data(), 4));
  }
  if (hosts.empty()) {
    return -1;
  }
  const std::uint32_t port = static_cast<std::uint32_t>(backend.port);
  int count = 0;
  for (const std::string& host : hosts) {
    const auto found = connections.find(cat(host, ":", hex(&port, 1).substr(4)));
    count += found == connections.end() ? 0 : found->second;
  }
  return count;
}

BackendState* findBackend(std::vector<BackendState>& backends, const std::string& name) {
  for (BackendState& state : backends) {
    if (state.backend.name == name) {
      return &state;
    }
  }
  return nullptr;
}

void sortByName(std::vector<BackendState>& backends) {
  std::sort(backends.begin(), backends.end(),
            [](const BackendState& one, const BackendState& two) { return one.backend.name < two.backend.name; });
}

}  // namespace slipway::traffic
