#include "cmd/slipway/deploy.h"

#include "cmd/slipway/follow.h"
#include "cmd/slipway/views/text_table.h"
#include "reconciler/base/strings.h"
#include "reconciler/client/resource_watch.h"

namespace slipway::cli {
namespace {

Result<Json> sourcePatch(const Json& release, const DeployRequest& request) {
  const Json* git = release.at({"spec", "source", "git"});
  const int refs = (request.branch.empty() ? 0 : 1) + (request.tag.empty() ? 0 : 1) + (request.commit.empty() ? 0 : 1);
  if (refs > 1) {
    return Status(Code::Invalid, "give at most one of --branch, --tag and --commit");
  }
  Json patch = Json::object();
  if (refs == 0 && request.repository.empty()) {
    return patch;
  }
  if (git == nullptr && request.repository.empty()) {
    return Status(Code::Invalid, cat("release ", request.release, " has no git source: give --repo as well"));
  }
  Json change = Json::object();
  if (!request.repository.empty()) {
    change["repository"] = request.repository;
  }
  if (refs > 0) {
    Json& ref = change["ref"];
    for (const auto& [field, value] :
         {std::pair("branch", &request.branch), std::pair("tag", &request.tag), std::pair("commit", &request.commit)}) {
      ref[field] = value->empty() ? Json() : Json(*value);
    }
  }
  patch["git"] = std::move(change);
  if (release.at({"spec", "source", "directory"}) != nullptr) {
    patch["directory"] = nullptr;
  }
  return patch;
}

Json onlyLabels(const std::vector<std::string>& groups) {
  Json labels = Json::object();
  for (const std::string& group : groups) {
    if (const std::size_t equals = group.find('='); equals != std::string::npos) {
      labels[group.substr(0, equals)] = group.substr(equals + 1);
    }
  }
  return labels;
}

Result<Json> destinationsPatch(const Json& release, const DeployRequest& request) {
  const Json labels = onlyLabels(request.groups);
  std::string named;
  for (const std::string& group : request.groups) {
    if (group.find('=') != std::string::npos) {
      continue;
    }
    if (!named.empty()) {
      return Status(Code::Invalid, cat("--group names two destinations, ", named, " and ", group));
    }
    named = group;
  }
  Json list = Json::array();
  const Json* current = release.at({"spec", "destinations"});
  if (!named.empty()) {
    list.push(Json::object({{"name", named}}));
  } else if (current != nullptr && current->isArray()) {
    list = *current;
  }
  if (!request.servers.empty() && list.asArray().size() != 1) {
    return Status(Code::Invalid, "--servers needs a release with one destination: name it with --group");
  }
  for (Json& destination : list.asArray()) {
    if (!request.servers.empty()) {
      destination.asObject().erase("server");
      Json servers = Json::array();
      for (const std::string& server : request.servers) {
        servers.push(server);
      }
      destination["servers"] = std::move(servers);
    }
    if (!labels.asObject().empty()) {
      destination["selector"] = Json::object({{"matchLabels", labels}});
    }
  }
  return list;
}

// What the caller did not say may come from a person at the terminal.
int confirmed(Context& context, const DeployRequest& request, const Json& patch, const DeployOptions& options) {
  if (options.yes) {
    return kConverged;
  }
  context.print(
      cat("This changes release ", request.release, " in namespace ", context.ns(), ":\n", patch.dumpPretty()));
  if (!context.terminalIn()) {
    return context.badInput("there is no terminal to ask on: add --yes to deploy without a question");
  }
  if (!context.confirm("Deploy?")) {
    context.note("nothing was changed");
    return kBadInput;
  }
  return kConverged;
}

struct Answer {
  std::string text;        // empty: none yet
  bool onceEnded = false;  // what was asked for begins when the run that goes on has ended
};

// The answer once the controller has taken note of the token; nothing before.
Answer answerIn(const Json& release, const std::string& verb, const std::string& token) {
  const Json* handled = release.at({"status", "handledRequests", verb});
  if (handled == nullptr || handled->getString("token") != token) {
    return {};
  }
  return {handled->getString("result", "handled"), !handled->getString("then").empty()};
}

Result<Answer> awaitAnswer(Context& context, client::ApiClient& api, const VerbRequest& request,
                           const std::string& token) {
  const SteadyTime deadline = context.clock().steady() + request.timeout;
  client::ResourceWatch watch(api, context.clock(), kRelease, {context.ns(), request.release});
  while (context.clock().steady() < deadline) {
    auto event = watch.next(deadline - context.clock().steady());
    if (!event) {
      return event.status();
    }
    if (!*event) {
      continue;
    }
    if ((*event)->type == WatchEvent::Type::Deleted) {
      return Status(Code::NotFound, cat("release ", request.release, " was deleted"));
    }
    Answer answer = answerIn(*(*event)->object, request.verb, token);
    if (!answer.text.empty()) {
      return answer;
    }
  }
  return Status(Code::Timeout, cat("the controller has not answered the request in ", formatDuration(request.timeout),
                                   "; is it running?"));
}

}  // namespace

std::string shellWord(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789-_./:=@,+%") == std::string::npos;
  if (plain) {
    return text;
  }
  std::string out = "'";
  for (const char byte : text) {
    out += byte == '\'' ? std::string("'\\''") : std::string(1, byte);
  }
  return out + "'";
}

std::string replayCommand(const DeployRequest& request, const std::string& ns) {
  std::string out = cat("slipway deploy ", shellWord(request.release), " -n ", shellWord(ns));
  const auto add = [&](std::string_view flag, const std::string& value) {
    if (!value.empty()) {
      out += cat(" ", flag, " ", shellWord(value));
    }
  };
  add("--version", request.version);
  add("--servers", join(request.servers, ","));
  for (const std::string& group : request.groups) {
    add("--group", group);
  }
  add("--repo", request.repository);
  add("--branch", request.branch);
  add("--tag", request.tag);
  add("--commit", request.commit);
  return out + " --yes";
}

Result<Json> deployPatch(const Json& release, const DeployRequest& request) {
  Json spec = Json::object();
  if (!request.version.empty()) {
    spec["version"] = request.version;
  }
  auto source = sourcePatch(release, request);
  if (!source) {
    return source;
  }
  if (!source->asObject().empty()) {
    spec["source"] = std::move(*source);
  }
  if (!request.servers.empty() || !request.groups.empty()) {
    auto destinations = destinationsPatch(release, request);
    if (!destinations) {
      return destinations;
    }
    spec["destinations"] = std::move(*destinations);
  }
  return spec.asObject().empty() ? Json::object() : Json::object({{"spec", std::move(spec)}});
}

int deploy(Context& context, const DeployRequest& request, const DeployOptions& options) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  const ObjectKey key{context.ns(), request.release};
  const auto release = (*api)->get(kRelease, key);
  if (!release) {
    return context.fail(release.status());
  }
  const auto patch = deployPatch(*release, request);
  if (!patch) {
    return context.fail(patch.status());
  }
  if (!patch->asObject().empty()) {
    if (const int code = confirmed(context, request, *patch, options); code != kConverged) {
      return code;
    }
    const auto changed = (*api)->mergePatch(kRelease, key, *patch);
    if (!changed) {
      return context.fail(changed.status());
    }
  } else {
    context.note("nothing to change: the release stays as it is");
  }
  context.print(cat("Replay: ", replayCommand(request, context.ns()), "\n"));
  if (!options.wait) {
    return kConverged;
  }
  return followRelease(context, key, {.timeout = options.timeout});
}

int requestVerb(Context& context, const VerbRequest& request) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  const ObjectKey key{context.ns(), request.release};
  const auto before = fetchRelease(**api, key);
  if (!before) {
    return context.fail(before.status());
  }
  std::string token = newNameSuffix(context.random(), 10);
  if (request.verb == "rollback") {
    token = cat(request.value, "#", token);
  }
  Json patch;
  patch["metadata"]["annotations"][cat(kGroup, "/", request.verb)] = token;
  if (const auto changed = (*api)->mergePatch(kRelease, key, patch); !changed) {
    return context.fail(changed.status());
  }
  if (!request.wait) {
    context.print(cat(request.verb, " requested of release ", request.release, "\n"));
    return kConverged;
  }
  const auto answer = awaitAnswer(context, **api, request, token);
  if (answer.code() == Code::Timeout) {
    context.note(answer.status().message());
    return kTimedOut;
  }
  if (!answer) {
    return context.fail(answer.status());
  }
  context.print(cat(request.verb, " ", request.release, ": ", oneLine(answer->text), "\n"));
  if (!answer->text.starts_with("Accepted")) {
    return kFailed;
  }
  if (!request.follow) {
    return kConverged;
  }
  FollowOptions follow;
  // A run that goes on is what the verb is about; otherwise it starts another one.
  const std::string current = before->run ? before->run->at({"metadata", "name"})->asString() : "";
  const bool goesOn = before->run && standingOfRun(*before->run, false) == Standing::Progressing;
  follow.afterRun = goesOn && !answer->onceEnded ? "" : current;
  follow.backIsGood = request.verb == "rollback" || request.verb == "abort";
  return followRelease(context, key, follow);
}

}  // namespace slipway::cli
