#include "reconciler/release/hooks/hook_launch.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "reconciler/base/strings.h"
#include "reconciler/planner/hooks.h"
#include "reconciler/release/targets.h"

namespace slipway::release {
namespace {

constexpr Duration kGrace = std::chrono::seconds(30);  // over a command's own time-out, for the way there and back
constexpr Duration kConnect = std::chrono::seconds(10);
constexpr std::size_t kShownBody = 4U << 10U;

const Hook& hookOf(const HookLaunch& launch) { return launch.run.spec.spec.hooks[launch.hook.hook]; }
const RunTarget& targetOf(const HookLaunch& launch) { return launch.run.status.targets[launch.hook.target]; }

std::string previousVersion(const HookLaunch& launch) {
  const std::string& before = targetOf(launch).before;
  return before.empty() ? launch.liveBefore : before;
}

using Values = std::array<std::pair<std::string_view, std::string>, 6>;

Values valuesOf(const HookLaunch& launch, const std::string& address) {
  return {{{"{{server}}", targetOf(launch).name},
           {"{{address}}", address},
           {"{{release}}", launch.run.spec.release},
           {"{{version}}", launch.run.spec.version},
           {"{{previousVersion}}", previousVersion(launch)},
           {"{{run}}", launch.run.meta.name}}};
}

// One pass: what a value brings in is not looked at again.
std::string filled(const std::string& text, const Values& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = std::find_if(values.begin(), values.end(), [&](const auto& one) {
      return text.compare(at, one.first.size(), one.first) == 0;
    });
    if (found == values.end()) {
      out += text[at++];
    } else {
      out += found->second;
      at += found->first.size();
    }
  }
  return out;
}

// --- requests --------------------------------------------------------------------------------------------------------

Status addSecretHeaders(const ApiReader& reader, const std::string& ns, const std::string& name,
                        HttpClientRequest& request) {
  if (name.empty()) {
    return Status::ok();
  }
  Result<ObjectPtr> secret = reader.get(kSecret, {ns, name});
  if (!secret && secret.code() != Code::NotFound) {
    return secret.status();
  }
  const Json* data = secret ? (*secret)->find("data") : nullptr;
  if (data == nullptr || !data->isObject()) {
    return {Code::Denied, cat("headersSecretRef: Secret '", name, "' does not exist, or has no data")};
  }
  for (const auto& [header, value] : data->asObject()) {
    std::string decoded;
    if (value.isString() && base64Decode(value.asString(), decoded)) {
      request.headers.emplace_back(header, std::string(trim(decoded)));
    }
  }
  return Status::ok();
}

bool mayPass(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

StepResult judge(const Hook& hook, const Result<HttpClientResponse>& response) {
  StepResult result;
  if (!response) {
    const bool sent = response.code() != Code::Invalid && response.code() != Code::Denied;
    result = StepResult::refused(response.status(), "http");
    if (sent && !hook.idempotent) {
      result.outcome = StepResult::Outcome::Unknown;
      result.status = Status(Code::OutcomeUnknown,
                             cat("no answer, so nobody knows whether it was acted on: ", response.status().message()));
    }
    return result;
  }
  const HookRequest& http = *hook.http;
  if (response->status < http.minStatus || response->status > http.maxStatus) {
    const Code code = hook.idempotent && mayPass(response->status) ? Code::Unavailable : Code::Conflict;
    result = StepResult::refused(
        {code, cat("got status ", response->status, ", expected ", http.minStatus, " to ", http.maxStatus)}, "http");
    result.tail = lastLines(response->body.substr(0, kShownBody), 50);
  }
  return result;
}

// "http", "host", 443 of a URL; port 0 where it cannot be told.
struct Place {
  std::string host;
  int port = 0;
};

Place placeOf(const std::string& url) {
  const bool tls = lowerAscii(url.substr(0, 8)) == "https://";
  const std::size_t from = url.find("://") + 3;
  const std::string authority = url.substr(from, url.find_first_of("/?#", from) - from);
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.find(':', bracket == std::string::npos ? 0 : bracket);
  Place out{authority.substr(0, colon), tls ? 443 : 80};
  if (colon != std::string::npos) {
    const char* end = authority.data() + authority.size();
    const auto parsed = std::from_chars(authority.data() + colon + 1, end, out.port);
    out.port = parsed.ec == std::errc() && parsed.ptr == end ? out.port : 0;
  }
  return out;
}

// What is left of a request once it is on its way: the launch does not live so long.
struct Call {
  Hook hook;
  std::string operationId;
  std::string server;
  SteadyTime began;
  HookEvents events;
};

void settle(const Call& call, Clock& clock, StepResult result, const std::string& shown) {
  result.duration = clock.steady() - call.began;
  const std::string outcome = result.status.isOk() ? "done" : result.status.message();
  call.events.output(call.server, printable(cat("hook ", call.hook.name, ": ", call.hook.http->method, " for ",
                                                call.server, ": ", outcome, "\n", shown, shown.empty() ? "" : "\n")));
  call.events.done(call.operationId, std::move(result));
}

void sendRequest(const HookContext& context, HttpClientRequest request, Call call) {
  HttpClient& http = *context.outbound;
  auto send = [&http, &clock = context.clock](const HttpClientRequest& what, const Call& of) {
    http.send(what, [&clock, of](const Result<HttpClientResponse>& response) {
      settle(of, clock, judge(of.hook, response), response ? response->body.substr(0, kShownBody) : "");
    });
  };
  const Place place = placeOf(request.url);
  if (!planner::cannotBeAsked(call.hook) || place.port == 0) {
    send(request, call);
    return;
  }
  // A request that cannot even be begun has certainly not been acted on: that is worth a look before.
  http.connect(place.host, place.port, std::min<Duration>(kConnect, call.hook.timeout),
               [send, request, call, &clock = context.clock](const Status& there) {
                 if (there) {
                   send(request, call);
                 } else {
                   settle(call, clock, StepResult::refused(there, "connect"), "");
                 }
               });
}

void startRequest(const HookContext& context, const HookLaunch& launch, const HookEvents& events) {
  const Hook& hook = hookOf(launch);
  const RunTarget& target = targetOf(launch);
  const auto refuse = [&](const Status& status, const std::string& phase) {
    events.done(launch.hook.operationId, StepResult::refused(status, phase));
  };
  if (context.outbound == nullptr) {
    refuse({Code::Invalid, "this controller sends no requests for hooks"}, "http");
    return;
  }
  Result<RemoteTarget> server = resolveAccess(context.reader, launch.run.meta.ns, target.name, target.uid);
  if (!server && (server.code() == Code::NotFound || server.code() == Code::Unavailable)) {
    refuse(server.status(), server.code() == Code::NotFound ? "gone" : "connect");
    return;
  }
  HttpClientRequest request = hookRequest(launch, server ? server->address : "");
  if (Status added = addSecretHeaders(context.reader, launch.run.meta.ns, hook.http->headersSecret, request); !added) {
    refuse(added, added.code() == Code::Denied ? "http" : "connect");
    return;
  }
  sendRequest(context, std::move(request),
              {hook, launch.hook.operationId, target.name, context.clock.steady(), events});
}

// --- commands --------------------------------------------------------------------------------------------------------

// The new release's directory, or what is live where that is not there yet or not meant.
std::string directoryRelease(const HookLaunch& launch) {
  const Hook& hook = hookOf(launch);
  const bool live =
      hook.at == HookPoint::Backup || hook.at == HookPoint::BeforeBuild || !planner::goesForward(hook, launch.hook.key);
  return live ? "" : launch.run.spec.version;
}

void startCommand(const HookContext& context, const HookLaunch& launch, const HookEvents& events) {
  const Hook& hook = hookOf(launch);
  const RunTarget& target = targetOf(launch);
  Result<RemoteTarget> access = resolveAccess(context.reader, launch.run.meta.ns, target.name, target.uid);
  if (!access) {
    const bool gone = access.code() == Code::NotFound;
    events.done(launch.hook.operationId, StepResult::refused(access.status(), gone ? "gone" : "connect"));
    return;
  }
  HookStep step;
  step.name = hook.name;
  step.releaseId = directoryRelease(launch);
  step.run = hook.run;
  step.timeout = hook.timeout;
  step.idempotent = hook.idempotent;
  step.env = hookEnvironment(launch);
  StepRequest request;
  request.operationId = launch.hook.operationId;
  request.target = std::move(*access);
  request.application = cat(launch.run.meta.ns, "/", launch.run.spec.release);
  request.layout = launch.run.spec.spec.layout;
  request.fence = launch.fence;
  request.deadline = context.clock.steady() + hook.timeout + kGrace;
  request.action = std::move(step);
  context.provider.start(
      {std::move(request)},
      {.done = [events](const StepRequest& of, StepResult result) { events.done(of.operationId, std::move(result)); },
       .output = [events](const StepRequest& of,
                          std::string_view text) { events.output(of.target.name, std::string(text)); },
       .progress = [](const StepRequest&, const std::string&) {}});
}

}  // namespace

HttpClientRequest hookRequest(const HookLaunch& launch, const std::string& address) {
  const Hook& hook = hookOf(launch);
  const Values values = valuesOf(launch, address);
  const bool bareIpv6 = address.find(':') != std::string::npos && address.front() != '[';
  HttpClientRequest request;
  request.method = hook.http->method;
  request.url = filled(hook.http->url, valuesOf(launch, bareIpv6 ? cat("[", address, "]") : address));
  for (const auto& [name, value] : hook.http->headers) {
    request.headers.emplace_back(name, filled(value, values));
  }
  if (hook.idempotent) {
    request.headers.emplace_back("Idempotency-Key", launch.hook.operationId);
  }
  request.body = filled(hook.http->body, values);
  request.timeout = hook.timeout;
  request.verifyCertificate = !hook.http->insecureSkipVerify;
  return request;
}

std::map<std::string, std::string> hookEnvironment(const HookLaunch& launch) {
  const RunTarget& target = targetOf(launch);
  const ReleaseSpec& spec = launch.run.spec.spec;
  std::map<std::string, std::string> env = hookOf(launch).env;
  env["HOOK"] = hookOf(launch).name;
  env["RELEASE"] = launch.run.spec.release;
  env["VERSION"] = launch.run.spec.version;
  env["PREVIOUS_VERSION"] = previousVersion(launch);
  env["RUN"] = launch.run.meta.name;
  env["REASON"] = std::string(reasonName(launch.run.spec.reason));
  env["SERVER"] = target.name;
  if (spec.slots.has_value() && !target.slot.empty()) {
    env["SLOT"] = target.slot;
    env["PORT"] = std::to_string(spec.slots->portOf(target.slot));
  }
  return env;
}

void startHook(const HookContext& context, const HookLaunch& launch, const HookEvents& events) {
  if (hookOf(launch).http.has_value()) {
    startRequest(context, launch, events);
  } else {
    startCommand(context, launch, events);
  }
}

}  // namespace slipway::release
