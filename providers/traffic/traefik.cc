// Traefik: a file of our own for its file provider, with a weighted service over one service for each backend; what it
// made of that is read from its API.
#include <algorithm>
#include <cstdlib>

#include "providers/traffic/dialect.h"
#include "providers/traffic/http_text.h"
#include "providers/traffic/wanted.h"
#include "reconciler/base/json.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

// Connections that nobody uses any more are closed after so long: what is left then are requests.
constexpr int kIdleSeconds = 3;

// Services by their names, as the API has them.
using Services = std::map<std::string, Json>;

Result<Services> servicesOf(const Look& look) {
  if (look.replies.empty()) {
    return Status(Code::Unavailable, look.silent);
  }
  const Result<HttpText> http = parseHttp(look.replies[0]);
  if (!http) {
    return http.status().withContext("Traefik's API");
  }
  const Result<Json> list = parseJson(http->body);
  if (http->status != 200 || !list || !list->isArray()) {
    return Status(Code::Unavailable, cat("Traefik's API answers ", http->status, ": ", printable(trim(http->body)),
                                         " (is `api` switched on for this address?)"));
  }
  Services out;
  for (const Json& service : list->asArray()) {
    out[service.getString("name")] = service;
  }
  return out;
}

// "http://10.0.0.1:8080" and how it fares.
void takeServer(const Json& service, const std::string& url, BackendState& state) {
  std::string_view rest = url;
  const std::size_t scheme = rest.find("://");
  rest.remove_prefix(scheme == std::string_view::npos ? 0 : scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (!parseHostPort(rest, state.backend)) {
    state.backend.address = rest;
    state.backend.port = url.starts_with("https") ? 443 : 80;
  }
  const Json* health = service.at({"serverStatus", url});
  state.health = health == nullptr || !health->isString() ? "" : health->asString() == "UP" ? "up" : "down";
}

std::vector<const Json*> items(const Json* list) {
  std::vector<const Json*> out;
  if (list != nullptr && list->isArray()) {
    for (const Json& item : list->asArray()) {
      out.push_back(&item);
    }
  }
  return out;
}

// Whether the running service is one that we have written.
bool isOurs(const Services& services, const std::string& name) {
  const auto service = services.find(cat(name, "@file"));
  if (service == services.end()) {
    return false;
  }
  const std::vector<const Json*> parts = items(service->second.at({"weighted", "services"}));
  return !parts.empty() && std::all_of(parts.begin(), parts.end(), [&](const Json* part) {
    return part->getString("name").starts_with(cat(name, "-"));
  });
}

std::vector<BackendState> runningOf(const Services& services, const std::string& name) {
  std::vector<BackendState> out;
  const auto service = services.find(cat(name, "@file"));
  if (service == services.end()) {
    return out;
  }
  for (const Json* part : items(service->second.at({"weighted", "services"}))) {
    const std::string child = part->getString("name");
    const auto below = services.find(child.find('@') == std::string::npos ? cat(child, "@file") : child);
    BackendState state;
    if (below != services.end()) {
      for (const Json* server : items(below->second.at({"loadBalancer", "servers"}))) {
        takeServer(below->second, server->getString("url"), state);
      }
    }
    state.backend.name = child.starts_with(cat(name, "-")) ? child.substr(name.size() + 1) : child;
    state.weight = static_cast<int>(part->getInt("weight", 1));
    out.push_back(std::move(state));
  }
  for (const Json* server : items(service->second.at({"loadBalancer", "servers"}))) {
    BackendState state;
    takeServer(service->second, server->getString("url"), state);
    state.backend.name = hostPort(state.backend);
    state.weight = static_cast<int>(server->getInt("weight", 1));
    out.push_back(std::move(state));
  }
  sortByName(out);
  return out;
}

constexpr std::string_view kStickyName = "        sticky:\n          cookie:\n            name: \"";
constexpr std::string_view kStickyAge = "            maxAge: ";

std::string stickyBlock(const Stickiness& stickiness) {
  if (stickiness.cookie.empty()) {
    return {};
  }
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(stickiness.maxAge).count();
  return cat(kStickyName, stickiness.cookie, "\"\n            httpOnly: true\n",
             age > 0 ? cat(kStickyAge, age, "\n") : std::string());
}

// From a file that we have written.
Stickiness stickyOf(const std::string& file) {
  Stickiness out;
  const std::size_t name = file.find(kStickyName);
  if (name == std::string::npos) {
    return out;
  }
  const std::size_t from = name + kStickyName.size();
  out.cookie = file.substr(from, file.find('"', from) - from);
  if (const std::size_t age = file.find(kStickyAge); age != std::string::npos) {
    out.maxAge = std::chrono::seconds(std::strtol(file.c_str() + age + kStickyAge.size(), nullptr, 10));
  }
  return out;
}

// As Traefik has it.
Stickiness runningStickiness(const Services& services, const std::string& name) {
  Stickiness out;
  const auto service = services.find(cat(name, "@file"));
  const Json* cookie = service == services.end() ? nullptr : service->second.at({"weighted", "sticky", "cookie"});
  if (cookie != nullptr && cookie->isObject()) {
    out.cookie = cookie->getString("name");
    out.maxAge = std::chrono::seconds(cookie->getInt("maxAge", 0));
  }
  return out;
}

std::string render(const TrafficSpec& spec, const std::string& application, const Wanted& wanted) {
  const std::string& name = spec.service;
  std::string out =
      cat("# Written by Slipway for ", application, ". It does not overwrite what is changed here by hand, and\n",
          "# changes nothing until that is settled.\nhttp:\n  services:\n    \"", name, "\":\n      weighted:\n",
          stickyBlock(wanted.stickiness), "        services:", wanted.backends.empty() ? " []" : "", "\n");
  for (const BackendState& state : wanted.backends) {
    out += cat("          - name: \"", name, "-", state.backend.name, "\"\n            weight: ", state.weight, "\n");
  }
  for (const BackendState& state : wanted.backends) {
    out += cat("    \"", name, "-", state.backend.name, "\":\n      loadBalancer:\n        serversTransport: \"", name,
               "-slipway\"\n        servers:\n          - url: \"http://", hostPort(state.backend), "\"\n");
  }
  return out + cat("  serversTransports:\n    \"", name,
                   "-slipway\":\n      forwardingTimeouts:\n        idleConnTimeout: ", kIdleSeconds, "s\n");
}

// A file that a person has written may be taken over when it has nothing that we would not write again.
Status mayTakeOver(const TrafficSpec& spec, const std::string& file) {
  for (const std::string& line : split(file, '\n')) {
    std::string key(trim(line));
    key = key.substr(0, key.find(':'));
    for (const char* other : {"routers", "middlewares", "tcp", "udp", "tls", "serversTransports"}) {
      if (key == other || key == cat("\"", other, "\"")) {
        return {Code::Invalid, cat(spec.filePath(), " has more than service ", spec.service, " (", other,
                                   "): set spec.traffic.file to a file for this service alone")};
      }
    }
  }
  return Status::ok();
}

class Traefik final : public Dialect {
 public:
  std::vector<std::string> questions(const TrafficSpec& spec) const override {
    return {httpRequest(cat("GET /api/http/services?per_page=10000&search=", spec.service), spec.adminAddress())};
  }

  Result<Sight> read(const TrafficSpec& spec, const Look& look) const override {
    const Result<Services> services = servicesOf(look);
    if (!services) {
      return services.status();
    }
    Sight out;
    out.managed = look.file.value_or("");
    out.exists = look.file.has_value();
    out.running = runningOf(*services, spec.service);
    for (BackendState& state : out.running) {
      state.connections = connectionsTo(state.backend, look.connections);
    }
    out.configured = out.running;
    // The file is as we wrote it, or wrote it last but one: what it says is in the record.
    const Stickiness sticky = stickyOf(out.managed);
    if (look.record && out.managed == render(spec, look.record->application, recorded(*look.record, sticky))) {
      out.configured = recorded(*look.record, sticky).backends;
      out.stickiness = sticky;
      if (!recorded(*look.record, sticky).sameAs(out.running) || runningStickiness(*services, spec.service) != sticky) {
        out.problem = cat("Traefik has not taken up ", spec.filePath(), " yet (does its file provider watch it?)");
      }
    }
    return out;
  }

  Result<std::optional<Next>> next(const Turn& turn) const override {
    const std::string old = turn.look.file.value_or("");
    if (!turn.look.record) {
      if (const Status status = mayTakeOver(turn.spec, old); !status) {
        return status;
      }
    }
    const std::string content = render(turn.spec, turn.application, turn.wanted);
    if (content == old && turn.sight.says(turn.wanted)) {
      return std::optional<Next>();
    }
    Next out;
    out.change.file = Change::File::Write;
    out.change.expected = old;
    out.change.content = content;
    out.managedAfter = content;
    return std::optional(std::move(out));
  }

  Result<std::optional<Next>> restore(const Turn& turn) const override {
    const std::string old = turn.look.file.value_or("");
    const Record& record = *turn.look.record;
    Next out;
    out.managedAfter = record.original;
    if (old != record.original || turn.look.file.has_value() != record.hadOriginal) {
      out.change.file = record.hadOriginal ? Change::File::Write : Change::File::Remove;
      out.change.expected = old;
      out.change.content = record.original;
      out.last = false;
    } else if (isOurs(*servicesOf(turn.look), turn.spec.service)) {
      return std::optional<Next>();
    }
    return std::optional(std::move(out));
  }

  Status judge(const Turn&, const Answer& answer) const override { return answer.status; }

 private:
  static Wanted recorded(const Record& record, const Stickiness& stickiness) {
    Wanted out;
    out.stickiness = stickiness;
    for (std::size_t i = 0; i < record.backends.size(); ++i) {
      out.backends.push_back({.backend = record.backends[i], .weight = record.weights[i]});
    }
    return out;
  }
};

}  // namespace

const Dialect& traefikDialect() {
  static const Traefik dialect;
  return dialect;
}

}  // namespace slipway::traffic
