#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>

#include "cmd/slipway/commands.h"
#include "cmd/slipway/follow.h"
#include "cmd/slipway/kind_names.h"
#include "cmd/slipway/run_logs.h"
#include "cmd/slipway/views/release_lists.h"
#include "cmd/slipway/views/run_description.h"
#include "reconciler/api/meta.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

struct StatusFlags {
  std::string release;
  bool watch = false;
  bool everyStep = false;
  std::string timeout = "0";
  std::string output = "text";
};

int exitCodeOf(Standing standing) {
  return standing == Standing::Converged ? kConverged : standing == Standing::Failed ? kFailed : kTimedOut;
}

int status(Context& context, const StatusFlags& flags) {
  const auto form = outputForm(flags.output);
  const auto timeout = timeoutOf(flags.timeout);
  auto api = context.client();
  if (!form || !timeout || !api) {
    return context.fail(!form ? form.status() : !timeout ? timeout.status() : api.status());
  }
  const ObjectKey key{context.ns(), flags.release};
  if (flags.watch) {
    return followRelease(context, key, {.timeout = *timeout, .everyStep = flags.everyStep});
  }
  const auto view = fetchRelease(**api, key);
  if (!view) {
    return context.fail(view.status());
  }
  if (*form == OutputForm::Json || *form == OutputForm::Yaml) {
    Json both = Json::object({{"release", view->release}, {"run", view->run ? *view->run : Json()}});
    context.print(documentText(both, *form));
  } else {
    const TreeStyle style = treeStyle(context, true, flags.everyStep);
    for (const std::string& line :
         renderRelease(view->release, view->run ? &*view->run : nullptr, context.clock().wall(), style)) {
      context.write(line + "\n");
    }
  }
  return exitCodeOf(standingOf(view->release));
}

int wait(Context& context, const StatusFlags& flags) {
  const auto timeout = timeoutOf(flags.timeout);
  auto api = context.client();
  if (!timeout || !api) {
    return context.fail(timeout ? api.status() : timeout.status());
  }
  return followRelease(context, {context.ns(), flags.release}, {.timeout = *timeout, .tree = false});
}

int history(Context& context, const StatusFlags& flags) {
  const auto form = outputForm(flags.output);
  auto api = context.client();
  if (!form || !api) {
    return context.fail(form ? api.status() : form.status());
  }
  const auto release = (*api)->get(kRelease, {context.ns(), flags.release});
  if (!release) {
    return context.fail(release.status());
  }
  if (*form == OutputForm::Json || *form == OutputForm::Yaml) {
    const Json* rows = release->at({"status", "history"});
    context.print(documentText(rows == nullptr ? Json::array() : *rows, *form));
  } else {
    context.print(historyText(*release, context.clock().wall()));
  }
  return kConverged;
}

struct ReleasesFlags {
  std::string name;
  PlacedFilter filter;
  std::string output = "text";
};

// The name may be of a destination or of a release; both kinds may use it, then it is the destination's.
Result<PlacedFilter> placedFilter(client::ApiClient& api, const std::string& ns, const ReleasesFlags& flags) {
  PlacedFilter filter = flags.filter;
  if (flags.name.empty()) {
    return filter;
  }
  const auto destination = api.get(kDestination, {ns, flags.name});
  if (destination) {
    filter.destination = flags.name;
    return filter;
  }
  if (destination.code() != Code::NotFound) {
    return destination.status();
  }
  const auto release = api.get(kRelease, {ns, flags.name});
  if (release.code() == Code::NotFound) {
    return Status(Code::NotFound,
                  cat("there is neither a Destination nor a Release '", flags.name, "' in namespace '", ns, "'"));
  }
  SLIPWAY_RETURN_IF_ERROR(release.status());
  filter.release = flags.name;
  return filter;
}

int releases(Context& context, const ReleasesFlags& flags) {
  const auto form = outputForm(flags.output);
  auto api = context.client();
  if (!form || !api) {
    return context.fail(form ? api.status() : form.status());
  }
  const auto filter = placedFilter(**api, context.ns(), flags);
  if (!filter) {
    return context.fail(filter.status());
  }
  const auto runs = (*api)->list(kReleaseRun, context.ns());
  if (!runs) {
    return context.fail(runs.status());
  }
  const auto placed = placedReleases(runs->items, *filter);
  if (*form == OutputForm::Json || *form == OutputForm::Yaml) {
    context.print(documentText(placedJson(placed), *form));
  } else {
    context.print(placedText(placed, context.clock().wall()));
  }
  return kConverged;
}

struct DescribeFlags {
  std::string kind;
  std::string name;
};

// The Events about one object, oldest first.
std::vector<ObjectPtr> eventsAbout(client::ApiClient& api, const Json& object) {
  const ObjectMeta meta = metaFromJson(object);
  const auto listed = api.list(kEvent, meta.ns);
  std::vector<ObjectPtr> out;
  for (const ObjectPtr& event : listed ? listed->items : std::vector<ObjectPtr>()) {
    const Json* uid = event->at({"involvedObject", "uid"});
    if (uid != nullptr && uid->isString() && uid->asString() == meta.uid) {
      out.push_back(event);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const ObjectPtr& left, const ObjectPtr& right) {
    return left->getString("lastTimestamp") < right->getString("lastTimestamp");
  });
  return out;
}

int describe(Context& context, DescribeFlags flags) {
  splitSlash(flags.kind, flags.name);
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  KindNames names(context);
  const auto kind = names.byName(flags.kind);
  const bool isRun = kind && (*kind)->kind == kReleaseRun.kind;
  if (!isRun && (!kind || (*kind)->kind != kRelease.kind)) {
    return context.badInput(
        cat("describe shows a run or a release, not '", flags.kind, "'; kubectl describe shows other kinds"));
  }
  if (flags.name.empty()) {
    return context.badInput(cat("which ", flags.kind, "? slipway describe ", flags.kind, " NAME"));
  }
  const auto object = (*api)->get(isRun ? kReleaseRun : kRelease, {context.ns(), flags.name});
  if (!object) {
    return context.fail(object.status());
  }
  const std::vector<ObjectPtr> events = eventsAbout(**api, *object);
  const WallTime now = context.clock().wall();
  context.print(isRun ? describeRun(*object, events, now) : describeRelease(*object, events, now));
  return kConverged;
}

struct LogFlags {
  std::string name;
  LogOptions options;
};

int logs(Context& context, const LogFlags& flags) {
  auto api = context.client();
  return api ? printLogs(context, flags.name, flags.options) : context.fail(api.status());
}

void addStatusAndWait(CLI::App& program, Context& context) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* command = program.add_subcommand("status", "the tree of a release: its run, targets and steps");
  command->add_option("release", flags->release, "name of the release")->required();
  command->add_flag("-w,--watch", flags->watch, "keep it up to date until the release has converged or failed");
  command->add_flag("-s,--steps", flags->everyStep, "a line for every step, also those that went well");
  command->add_option("--timeout", flags->timeout, "with -w: give up after, for example 10m (0: never)");
  command->add_option("-o,--output", flags->output, "text, json or yaml");
  command->footer(
      "The exit code is that of wait.\nExamples:\n  slipway status shop\n  slipway status shop -w --timeout 15m");
  command->callback([&context, flags] { context.action = [&context, flags] { return status(context, *flags); }; });

  auto waitFlags = std::make_shared<StatusFlags>();
  command = program.add_subcommand("wait", "wait until a release has converged or failed");
  command->add_option("release", waitFlags->release, "name of the release")->required();
  command->add_option("--timeout", waitFlags->timeout, "give up after, for example 10m (0: never)");
  command->footer(
      "Exit codes: 0 converged, 1 failed or rolled back, 3 timed out while still progressing.\n"
      "Example:\n  slipway wait shop --timeout 15m");
  command->callback(
      [&context, waitFlags] { context.action = [&context, waitFlags] { return wait(context, *waitFlags); }; });
}

}  // namespace

void addReleaseCommands(CLI::App& program, Context& context) {
  addStatusAndWait(program, context);
  auto historyFlags = std::make_shared<StatusFlags>();
  CLI::App* command = program.add_subcommand("history", "a release's versions and what became of them");
  command->add_option("release", historyFlags->release, "name of the release")->required();
  command->add_option("-o,--output", historyFlags->output, "text, json or yaml");
  command->footer("Example:\n  slipway history shop");
  command->callback([&context, historyFlags] {
    context.action = [&context, historyFlags] { return history(context, *historyFlags); };
  });

  auto describeFlags = std::make_shared<DescribeFlags>();
  command = program.add_subcommand("describe", "all that is recorded of a run or a release, with its Events");
  command->add_option("kind", describeFlags->kind, "run or release; or KIND/NAME")->required();
  command->add_option("name", describeFlags->name, "its name");
  command->footer("Examples:\n  slipway describe run shop-7\n  slipway describe release shop");
  command->callback([&context, describeFlags] {
    context.action = [&context, describeFlags] { return describe(context, *describeFlags); };
  });

  auto placedFlags = std::make_shared<ReleasesFlags>();
  command = program.add_subcommand("releases", "which releases each server has");
  command->add_option("name", placedFlags->name, "only this destination, or only this release");
  command->add_option("--server", placedFlags->filter.server, "only this server");
  command->add_option("-o,--output", placedFlags->output, "text, json or yaml");
  command->footer("Examples:\n  slipway releases web\n  slipway releases shop\n  slipway releases --server web1");
  command->callback([&context, placedFlags] {
    context.action = [&context, placedFlags] { return releases(context, *placedFlags); };
  });

  auto logFlags = std::make_shared<LogFlags>();
  command = program.add_subcommand("logs", "what the servers printed during a run");
  command->add_option("name", logFlags->name, "a run, or a release: then its current run")->required();
  command->add_option("--server", logFlags->options.servers, "only these servers")->delimiter(',');
  command->add_flag("-f,--follow", logFlags->options.follow, "go on until the run has ended");
  command->footer("Examples:\n  slipway logs shop -f\n  slipway logs shop-7 --server web2");
  command->callback(
      [&context, logFlags] { context.action = [&context, logFlags] { return logs(context, *logFlags); }; });
}

}  // namespace slipway::cli
