#include "reconciler/release/cluster/role_survey.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "reconciler/base/strings.h"
#include "reconciler/release/health_check.h"

namespace slipway::release {
namespace {

constexpr std::size_t kShown = 64;  // bytes of an answer that are kept

MemberSight unknown(std::string message, std::string answer = "") {
  return {"Unknown", std::move(answer), std::move(message)};
}

bool listed(const std::vector<std::string>& values, std::string_view answer) {
  const std::string lower = lowerAscii(answer);
  return std::any_of(values.begin(), values.end(),
                     [&](const std::string& value) { return lowerAscii(value) == lower; });
}

// The member of a document at names with dots between them.
const Json* memberAt(const Json& document, std::string_view path) {
  const Json* at = &document;
  for (const std::string& name : split(path, '.')) {
    at = at->isObject() ? at->find(name) : nullptr;
    if (at == nullptr) {
      return nullptr;
    }
  }
  return at;
}

// Answers as they come; thread-safe.
class Survey {
 public:
  Survey(RoleProbe probe, std::size_t members, std::function<void(Roles)> done)
      : probe_(std::move(probe)), waiting_(members), done_(std::move(done)) {}

  const RoleProbe& probe() const { return probe_; }

  void print(const std::string& server, std::string_view text) {
    constexpr std::size_t kKept = 4U << 10U;  // the role is the last line
    const std::lock_guard lock(mutex_);
    std::string& output = outputs_[server];
    output += text;
    output.erase(0, output.size() - std::min(output.size(), kKept));
  }

  std::string lastLine(const std::string& server) {
    const std::lock_guard lock(mutex_);
    std::string last;
    for (const std::string& line : split(outputs_[server], '\n')) {
      const std::string_view text = trim(line);
      last = text.empty() ? last : std::string(text);
    }
    return last;
  }

  void end(const std::string& server, MemberSight sight) {
    {
      const std::lock_guard lock(mutex_);
      roles_[server] = std::move(sight);
      if (--waiting_ > 0) {
        return;
      }
    }
    done_(std::move(roles_));
  }

 private:
  const RoleProbe probe_;
  std::mutex mutex_;
  std::map<std::string, std::string> outputs_;
  Roles roles_;
  std::size_t waiting_;
  const std::function<void(Roles)> done_;
};

// As a health check asks.
void askByHttp(HttpClient& http, const std::shared_ptr<Survey>& survey, const RemoteTarget& target) {
  const RoleRequest& asked = *survey->probe().http;
  Health check;
  check.timeout = survey->probe().timeout;
  check.http = HttpCheck{.scheme = asked.scheme,
                         .host = asked.host,
                         .path = asked.path,
                         .port = asked.port,
                         .insecureSkipVerify = asked.insecureSkipVerify};
  HttpClientRequest request = healthRequest(check, target.address);
  const std::string url = request.url;
  http.send(std::move(request), [survey, url, server = target.name](const Result<HttpClientResponse>& response) {
    MemberSight sight = response ? roleIn(survey->probe(), *response) : unknown(response.status().message());
    if (!sight.message.empty()) {
      sight.message = printable(cat("GET ", url, ": ", sight.message));
    }
    survey->end(server, std::move(sight));
  });
}

void askByCommand(const SurveyPorts& ports, const std::shared_ptr<Survey>& survey, std::vector<StepRequest> wave) {
  for (StepRequest& request : wave) {
    request.deadline = ports.clock.steady() + survey->probe().timeout;
    HookStep step;
    step.name = "role";
    step.run = survey->probe().run;
    step.timeout = survey->probe().timeout;
    step.idempotent = true;
    request.action = std::move(step);
  }
  StepEvents events;
  events.output = [survey](const StepRequest& request, std::string_view text) {
    survey->print(request.target.name, text);
  };
  events.progress = [](const StepRequest&, const std::string&) {};
  events.done = [survey](const StepRequest& request, const StepResult& result) {
    const std::string& server = request.target.name;
    MemberSight sight =
        result.outcome == StepResult::Outcome::Done
            ? roleOf(survey->probe(), survey->lastLine(server))
            : unknown(result.exitCode > 0 ? cat("exit code ", result.exitCode) : printable(result.status.message()));
    survey->end(server, std::move(sight));
  };
  ports.provider.start(std::move(wave), std::move(events));
}

}  // namespace

MemberSight roleOf(const RoleProbe& probe, std::string_view answer) {
  const std::string shown = printable(std::string(answer.substr(0, kShown)));
  if (listed(probe.leaderValues, answer)) {
    return {"Leader", shown, ""};
  }
  if (listed(probe.followerValues, answer)) {
    return {"Follower", shown, ""};
  }
  return unknown(answer.empty() ? "said no role" : cat("said '", shown, "', which is in neither list of values"),
                 shown);
}

MemberSight roleIn(const RoleProbe& probe, const HttpClientResponse& response) {
  if (response.status < 200 || response.status > 299) {
    return unknown(cat("got status ", response.status, ", expected 200 to 299"));
  }
  const Result<Json> document = parseJson(response.body);
  if (!document) {
    return unknown("the answer is not JSON");
  }
  const Json* role = memberAt(*document, probe.http->field);
  if (role == nullptr || !role->isString()) {
    return unknown(cat("the answer has no text at ", probe.http->field));
  }
  return roleOf(probe, role->asString());
}

void surveyRoles(const SurveyPorts& ports, const RoleProbe& probe, std::vector<MemberAsk> members,
                 std::function<void(Roles)> done) {
  const auto survey = std::make_shared<Survey>(probe, members.size(), std::move(done));
  std::vector<StepRequest> wave;
  for (MemberAsk& member : members) {
    const RemoteTarget& target = member.request.target;
    if (!member.problem.empty()) {
      survey->end(target.name, unknown(member.problem));
    } else if (probe.http.has_value()) {
      askByHttp(ports.http, survey, target);
    } else {
      wave.push_back(std::move(member.request));
    }
  }
  if (!wave.empty()) {
    askByCommand(ports, survey, std::move(wave));
  }
}

}  // namespace slipway::release
