// Caddy: the reverse_proxy handler with an @id, changed whole over the admin API under the Etag that was read. Where
// Caddy is too old for weighted_round_robin, an upstream stands in the list as often as its weight says.
#include <algorithm>
#include <numeric>

#include "providers/traffic/dialect.h"
#include "providers/traffic/http_text.h"
#include "providers/traffic/wanted.h"
#include "reconciler/base/json.h"
#include "reconciler/base/strings.h"

namespace slipway::traffic {
namespace {

constexpr std::string_view kWeighted = "weighted_round_robin";
constexpr std::string_view kRepeated = "round_robin";
constexpr std::string_view kCookie = "cookie";
constexpr std::size_t kMostRepeated = 1000;
constexpr std::string_view kIdle = "3s";

struct Answers {
  Json handler;
  std::string etag;
  Json upstreams;  // requests by address
  Json config;     // all of it, where a file is kept
};

Result<Json> body(const std::string& reply, std::string_view what) {
  const Result<HttpText> http = parseHttp(reply);
  if (!http) {
    return http.status().withContext(what);
  }
  if (http->status != 200) {
    return Status(http->status == 404 ? Code::NotFound : Code::Unavailable,
                  cat(what, ": Caddy answers ", http->status, " ", printable(trim(http->body))));
  }
  return parseJson(http->body);
}

Result<Answers> answersOf(const TrafficSpec& spec, const Look& look) {
  const std::size_t asked = spec.filePath().empty() ? 2 : 3;
  if (!look.silent.empty() || look.replies.size() < asked) {
    return Status(Code::Unavailable, look.silent);
  }
  Answers out;
  Result<Json> handler = body(look.replies[0], cat("object with @id ", spec.service));
  if (!handler) {
    return handler.status();
  }
  if (handler->getString("handler") != "reverse_proxy") {
    return Status(Code::Invalid, cat("the object with @id ", spec.service, " is no reverse_proxy handler"));
  }
  if (handler->find("dynamic_upstreams") != nullptr) {
    return Status(Code::Invalid, cat("handler ", spec.service, " has dynamic_upstreams: its weights cannot be set"));
  }
  out.handler = std::move(*handler);
  out.etag = parseHttp(look.replies[0])->header("etag");
  out.upstreams = body(look.replies[1], "upstreams").valueOr(Json());
  if (asked == 3) {
    Result<Json> config = body(look.replies[2], "configuration");
    if (!config) {
      return config.status();
    }
    out.config = std::move(*config);
  }
  return out;
}

std::string policyOf(const Json& handler) {
  const Json* policy = handler.at({"load_balancing", "selection_policy", "policy"});
  return policy != nullptr && policy->isString() ? policy->asString() : "";
}

// What shares out those that come without a cookie.
std::string sharingPolicyOf(const Json& handler) {
  const std::string policy = policyOf(handler);
  if (policy != kCookie) {
    return policy;
  }
  // Without a fallback it takes one by chance, so that each gets as much as it stands there often.
  const Json* fallback = handler.at({"load_balancing", "selection_policy", "fallback", "policy"});
  return fallback != nullptr && fallback->isString() ? fallback->asString() : std::string(kRepeated);
}

Stickiness stickyOf(const Json& handler) {
  Stickiness out;
  const Json* policy = handler.at({"load_balancing", "selection_policy"});
  if (policy != nullptr && policyOf(handler) == kCookie) {
    out.cookie = policy->getString("name", "lb");
    out.maxAge = Duration(policy->getInt("max_age", 0));
  }
  return out;
}

// The backends of the handler in the order in which they stand there, each once, with how often it stands there.
std::vector<BackendState> listed(const Json& handler) {
  std::vector<BackendState> out;
  const Json* upstreams = handler.find("upstreams");
  const Json* weights = policyOf(handler) == kCookie
                            ? handler.at({"load_balancing", "selection_policy", "fallback", "weights"})
                            : handler.at({"load_balancing", "selection_policy", "weights"});
  const bool weighted = sharingPolicyOf(handler) == kWeighted && weights != nullptr && weights->isArray();
  for (std::size_t i = 0; upstreams != nullptr && upstreams->isArray() && i < upstreams->asArray().size(); ++i) {
    const std::string dial = upstreams->asArray()[i].getString("dial");
    BackendState* known = findBackend(out, dial);
    if (known == nullptr) {
      BackendState state;
      if (!parseHostPort(dial, state.backend)) {
        state.backend.address = dial;
      }
      state.backend.name = dial;
      out.push_back(std::move(state));
      known = &out.back();
    }
    const bool told = weighted && i < weights->asArray().size() && weights->asArray()[i].isInt();
    known->weight += told ? static_cast<int>(weights->asArray()[i].asInt()) : 1;
  }
  return out;
}

// Divided by what all of them can be divided by.
std::vector<int> smallest(std::vector<int> weights) {
  int divisor = 0;
  for (const int weight : weights) {
    divisor = std::gcd(divisor, weight);
  }
  for (int& weight : weights) {
    weight /= std::max(divisor, 1);
  }
  return weights;
}

// With names, and with what the handler cannot say, from the record: backends without weight, and the weights that were
// asked for where only their ratio is written.
std::vector<BackendState> configuredOf(const Json& handler, const std::optional<Record>& record) {
  std::vector<BackendState> out = listed(handler);
  const std::string policy = sharingPolicyOf(handler);
  // A record that is an intent only says nothing about a handler that was never as we write it.
  if (!record || (!record->settled && policy != kWeighted && policy != kRepeated)) {
    return out;
  }
  std::vector<int> now;
  for (std::size_t i = 0; i < record->backends.size(); ++i) {
    BackendState* state = findBackend(out, hostPort(record->backends[i]));
    if (state != nullptr) {
      state->backend = record->backends[i];
    } else {
      out.push_back({.backend = record->backends[i]});
      state = &out.back();
    }
    now.push_back(state->weight);
  }
  if (out.size() == record->backends.size() && smallest(record->weights) == smallest(now)) {
    for (std::size_t i = 0; i < record->backends.size(); ++i) {
      findBackend(out, record->backends[i].name)->weight = record->weights[i];
    }
  }
  return out;
}

// Every backend as often as its weight says, each as evenly spread as can be.
std::vector<const BackendState*> spreadOut(const std::vector<BackendState>& backends, const std::vector<int>& weights) {
  std::vector<int> credit(backends.size(), 0);
  const int total = std::accumulate(weights.begin(), weights.end(), 0);
  std::vector<const BackendState*> out;
  for (int round = 0; round < total; ++round) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < backends.size(); ++i) {
      credit[i] += weights[i];
      best = credit[i] > credit[best] ? i : best;
    }
    credit[best] -= total;
    out.push_back(&backends[best]);
  }
  return out;
}

// The upstream object that the handler has for it, or a new one.
Json upstreamOf(const Json& handler, const BackendState& state) {
  const std::string dial = hostPort(state.backend);
  if (const Json* upstreams = handler.find("upstreams"); upstreams != nullptr && upstreams->isArray()) {
    for (const Json& upstream : upstreams->asArray()) {
      if (upstream.getString("dial") == dial) {
        return upstream;
      }
    }
  }
  return Json::object({{"dial", dial}});
}

// Connections that nobody uses outlive the configuration that made them, by the two minutes of Caddy's default; what is
// left after a few seconds are requests. A transport with words of its own about that keeps them.
void closeIdleSoon(Json& handler) {
  Json& transport = handler["transport"];
  if (transport.isNull()) {
    transport = Json::object({{"protocol", "http"}});
  }
  if (transport.getString("protocol") == "http" && transport.find("keep_alive") == nullptr) {
    transport["keep_alive"] = Json::object(
        {{"enabled", true}, {"probe_interval", "30s"}, {"max_idle_conns_per_host", 32}, {"idle_timeout", kIdle}});
  }
}

// The policy, for those that come without the cookie.
Json withCookie(Json policy, const Stickiness& stickiness, bool repeated) {
  if (stickiness.cookie.empty()) {
    return policy;
  }
  Json out = Json::object({{"policy", kCookie}, {"name", stickiness.cookie}});
  if (stickiness.maxAge > Duration(0)) {
    out["max_age"] = stickiness.maxAge.count();
  }
  if (!repeated) {
    out["fallback"] = std::move(policy);
  }
  return out;
}

Json handlerWith(const TrafficSpec& spec, const Json& handler, const Wanted& wanted, bool repeated) {
  Json out = handler;
  std::vector<int> weights;
  for (const BackendState& state : wanted.backends) {
    weights.push_back(state.weight);
  }
  const int total = std::accumulate(weights.begin(), weights.end(), 0);
  Json::Array upstreams;
  Json policy = Json::object({{"policy", repeated ? kRepeated : kWeighted}});
  if (repeated) {
    weights = smallest(weights);
    while (static_cast<std::size_t>(std::accumulate(weights.begin(), weights.end(), 0)) > kMostRepeated) {
      for (int& weight : weights) {
        weight = (weight + 1) / 2;
      }
    }
    for (const BackendState* state : spreadOut(wanted.backends, weights)) {
      upstreams.push_back(upstreamOf(handler, *state));
    }
    closeIdleSoon(out);
  } else if (total > 0) {
    Json::Array list;
    for (const BackendState& state : wanted.backends) {
      if (state.weight == 0 && !wanted.stickiness.cookie.empty()) {
        continue;  // a cookie would still lead to it
      }
      upstreams.push_back(upstreamOf(handler, state));
      list.emplace_back(state.weight);
    }
    policy["weights"] = std::move(list);
    if (out.find("stream_close_delay") == nullptr) {
      // Every change would close WebSockets at once.
      out["stream_close_delay"] = std::chrono::duration_cast<Duration>(spec.drainTimeout).count();
    }
  }
  out["upstreams"] = std::move(upstreams);
  out["load_balancing"]["selection_policy"] = withCookie(std::move(policy), wanted.stickiness, repeated);
  return out;
}

class Caddy final : public Dialect {
 public:
  std::vector<std::string> questions(const TrafficSpec& spec) const override {
    const std::string admin = spec.adminAddress();
    std::vector<std::string> out = {httpRequest(cat("GET /id/", spec.service), admin),
                                    httpRequest("GET /reverse_proxy/upstreams", admin)};
    if (!spec.filePath().empty()) {
      out.push_back(httpRequest("GET /config/", admin));
    }
    return out;
  }

  Result<Sight> read(const TrafficSpec& spec, const Look& look) const override {
    const Result<Answers> answers = answersOf(spec, look);
    if (!answers) {
      return answers.status();
    }
    Sight out;
    out.exists = true;
    out.managed = answers->handler.dumpCanonical();
    out.configured = configuredOf(answers->handler, look.record);
    sortByName(out.configured);
    out.running = out.configured;
    out.stickiness = look.record ? stickyOf(answers->handler) : Stickiness();
    for (BackendState& state : out.running) {
      state.connections = requests(answers->upstreams, state.backend);
      if (state.connections < 0) {
        state.connections = connectionsTo(state.backend, look.connections);
      }
    }
    if (look.record && !inStep(spec, look, *answers)) {
      out.problem = cat(spec.filePath(), " is not what Caddy runs: a restart would lose it");
    }
    return out;
  }

  Result<std::optional<Next>> next(const Turn& turn) const override {
    const Result<Answers> answers = answersOf(turn.spec, turn.look);
    if (!turn.look.record && turn.look.file && !inStep(turn.spec, turn.look, *answers)) {
      return Status(Code::Conflict,
                    cat(turn.spec.filePath(), " is not what Caddy runs: load it, or name another file"));
    }
    if (turn.sight.says(turn.wanted)) {
      return inStep(turn.spec, turn.look, *answers) ? std::optional<Next>() : fileNext(turn, *answers);
    }
    const bool known = turn.look.record && sharingPolicyOf(answers->handler) == kRepeated;
    const Json handler = handlerWith(turn.spec, answers->handler, turn.wanted, turn.refusals > 0 || known);
    if (handler == answers->handler) {
      // Only what the record says differs: a backend without weight, or without a name so far.
      return std::optional(Next{.change = {}, .managedAfter = turn.sight.managed});
    }
    return std::optional(patch(turn, *answers, handler));
  }

  Result<std::optional<Next>> restore(const Turn& turn) const override {
    const Result<Answers> answers = answersOf(turn.spec, turn.look);
    const Result<Json> original = parseJson(turn.look.record->original);
    if (!original) {
      return original.status();
    }
    if (*original != answers->handler) {
      Next out = patch(turn, *answers, *original);
      out.last = turn.spec.filePath().empty();
      return std::optional(std::move(out));
    }
    if (inStep(turn.spec, turn.look, *answers)) {
      return std::optional(Next{.change = {}, .managedAfter = turn.sight.managed});
    }
    return fileNext(turn, *answers);
  }

  Status judge(const Turn& turn, const Answer& answer) const override {
    const Result<HttpText> http = parseHttp(answer.replies.empty() ? "" : answer.replies.back());
    if (!http) {
      return answer.replies.empty() ? answer.status : http.status();
    }
    if (http->status == 412) {
      return {Code::Conflict, "the configuration was changed by somebody else a moment ago"};
    }
    if (http->body.find("max_age") != std::string::npos) {
      return {Code::Invalid, "stickiness.maxAge: this Caddy sets no age of its cookie (2.10 does): leave it out"};
    }
    const bool old = http->body.find("fallback") != std::string::npos ||
                     http->body.find(kWeighted) != std::string::npos ||
                     http->body.find("stream_close_delay") != std::string::npos;
    if (old && turn.refusals == 0) {
      return Status::ok();
    }
    return {http->status == 403 ? Code::Denied : Code::Invalid,
            cat("Caddy answers ", http->status, " ", printable(trim(http->body)))};
  }

 private:
  // -1: Caddy does not have it in use.
  static int requests(const Json& upstreams, const TrafficBackend& backend) {
    if (upstreams.isArray()) {
      for (const Json& one : upstreams.asArray()) {
        if (one.getString("address") == hostPort(backend)) {
          return static_cast<int>(one.getInt("num_requests"));
        }
      }
    }
    return -1;
  }

  static bool inStep(const TrafficSpec& spec, const Look& look, const Answers& answers) {
    if (spec.filePath().empty()) {
      return true;
    }
    const Result<Json> file = parseJson(look.file.value_or(""));
    return file && *file == answers.config;
  }

  static Next patch(const Turn& turn, const Answers& answers, const Json& handler) {
    Next out;
    const std::string match = answers.etag.empty() ? std::string() : cat("If-Match: ", answers.etag, "\r\n");
    out.change.exchanges.push_back(
        {httpRequest(cat("PATCH /id/", turn.spec.service), turn.spec.adminAddress(), match, handler.dump()),
         "HTTP/1.1 200"});
    out.managedAfter = handler.dumpCanonical();
    return out;
  }

  static std::optional<Next> fileNext(const Turn& turn, const Answers& answers) {
    Next out;
    out.change.file = Change::File::Write;
    out.change.expected = turn.look.file.value_or("");
    out.change.content = answers.config.dumpPretty();
    out.managedAfter = turn.sight.managed;
    return out;
  }
};

}  // namespace

const Dialect& caddyDialect() {
  static const Caddy dialect;
  return dialect;
}

}  // namespace slipway::traffic
