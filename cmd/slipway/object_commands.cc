#include <memory>

#include <CLI/CLI.hpp>

#include "cmd/slipway/apply.h"
#include "cmd/slipway/commands.h"
#include "cmd/slipway/follow.h"
#include "cmd/slipway/views/text_table.h"
#include "reconciler/base/strings.h"
#include "reconciler/client/resource_watch.h"

namespace slipway::cli {
namespace {

constexpr const char* kTableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

struct ApplyFlags {
  std::vector<std::string> files;
  bool dryRun = false;
  bool wait = false;
  std::string timeout = "0";
};

int apply(Context& context, const ApplyFlags& flags) {
  const auto timeout = timeoutOf(flags.timeout);
  if (!timeout) {
    return context.fail(timeout.status());
  }
  const auto texts = readManifestTexts(flags.files);
  if (!texts) {
    return context.fail(texts.status());
  }
  auto manifests = parseManifests(*texts);
  if (!manifests) {
    return context.fail(manifests.status());
  }
  // All is judged before anything is changed.
  if (const auto findings = lintOwnKinds(*texts, *manifests); !findings.empty()) {
    for (const auto& finding : findings) {
      context.note(cat("error: ", describe(finding)));
    }
    return kBadInput;
  }
  std::vector<ObjectKey> releases;
  if (const Status done = applyManifests(context, std::move(*manifests), {.dryRun = flags.dryRun}, releases); !done) {
    return context.fail(done);
  }
  int code = kConverged;
  for (const ObjectKey& release : releases) {
    if (flags.wait && !flags.dryRun) {
      code = std::max(code, followRelease(context, release, {.timeout = *timeout}));
    }
  }
  return code;
}

struct GetFlags {
  std::string kind;
  std::string name;
  std::string selector;
  bool allNamespaces = false;
  bool managedFields = false;
  std::string output = "text";
};

// Who owns which field is long and of interest to few.
void dropManagedFields(Json& answer) {
  const auto drop = [](Json& object) {
    if (Json* meta = object.find("metadata"); meta != nullptr && meta->isObject()) {
      meta->asObject().erase("managedFields");
    }
  };
  drop(answer);
  if (Json* items = answer.find("items"); items != nullptr && items->isArray()) {
    for (Json& item : items->asArray()) {
      drop(item);
    }
  }
}

void printNames(Context& context, const KindInfo& kind, const Json& answer) {
  const auto show = [&](const Json& object) {
    const Json* name = object.at({"metadata", "name"});
    context.print(cat(kind.display(), "/", name == nullptr ? "" : name->asString(), "\n"));
  };
  const Json* items = answer.find("items");
  if (items == nullptr || !items->isArray()) {
    show(answer);
    return;
  }
  for (const Json& item : items->asArray()) {
    show(item);
  }
}

int get(Context& context, GetFlags flags) {
  splitSlash(flags.kind, flags.name);
  const auto form = outputForm(flags.output);
  auto api = context.client();
  if (!form || !api) {
    return context.fail(form ? api.status() : form.status());
  }
  KindNames names(context);
  const auto kind = names.byName(flags.kind);
  if (!kind) {
    return context.fail(kind.status());
  }
  const bool table = *form == OutputForm::Text || *form == OutputForm::Wide;
  const ObjectKey key{flags.allNamespaces || !(*kind)->namespaced ? "" : context.ns(), flags.name};
  client::ApiRequest request{.path = client::resourcePath((*kind)->view(), key)};
  if (!flags.selector.empty()) {
    request.query.emplace_back("labelSelector", flags.selector);
  }
  if (table) {
    request.accept = kTableAccept;
  }
  auto answer = (*api)->call(request);
  if (!answer) {
    return context.fail(answer.status());
  }
  if (!flags.managedFields) {
    dropManagedFields(*answer);
  }
  if (*form == OutputForm::Name) {
    printNames(context, **kind, *answer);
  } else if (!table) {
    context.print(documentText(*answer, *form));
  } else if (const Json* rows = answer->find("rows"); rows != nullptr && rows->isArray() && rows->asArray().empty()) {
    context.note(key.ns.empty() ? "No resources found" : cat("No resources found in namespace ", key.ns, "."));
  } else {
    context.print(tableText(*answer, *form == OutputForm::Wide, flags.allNamespaces && (*kind)->namespaced));
  }
  return kConverged;
}

struct DeleteFlags {
  std::string kind;
  std::string name;
  std::vector<std::string> files;
  bool wait = true;
  std::string timeout = "0";
};

Status awaitGone(Context& context, client::ApiClient& api, const Kind& kind, const ObjectKey& key, Duration timeout) {
  const SteadyTime deadline = context.clock().steady() + timeout;
  client::ResourceWatch watch(api, context.clock(), kind, key);
  while (true) {
    auto event = watch.next(std::chrono::milliseconds(500));
    if (!event) {
      return event.status();
    }
    if (*event && (*event)->type == WatchEvent::Type::Deleted) {
      return Status::ok();
    }
    if (!*event) {
      const auto still = api.get(kind, key);
      if (still.code() == Code::NotFound) {
        return Status::ok();
      }
      if (timeout > Duration(0) && context.clock().steady() >= deadline) {
        return {Code::Timeout, cat(kind.kind, " ", key.toString(), " is still there; its finalizers are not done")};
      }
    }
  }
}

int deleteOne(Context& context, const KindInfo& kind, const ObjectKey& key, const DeleteFlags& flags) {
  const auto timeout = timeoutOf(flags.timeout);
  auto api = context.client();
  if (!timeout || !api) {
    return context.fail(timeout ? api.status() : timeout.status());
  }
  const Status removed = (*api)->remove(kind.view(), key, "");
  if (!removed) {
    return context.fail(removed);
  }
  context.print(cat(kind.display(), " \"", key.name, "\" deleted\n"));
  if (!flags.wait) {
    return kConverged;
  }
  const Status gone = awaitGone(context, **api, kind.view(), key, *timeout);
  if (gone.code() == Code::Timeout) {
    context.note(gone.message());
    return kTimedOut;
  }
  return gone ? kConverged : context.fail(gone);
}

int deleteFiles(Context& context, const DeleteFlags& flags) {
  const auto texts = readManifestTexts(flags.files);
  if (!texts) {
    return context.fail(texts.status());
  }
  auto manifests = parseManifests(*texts);
  auto api = context.client();
  if (!manifests || !api) {
    return context.fail(manifests ? api.status() : manifests.status());
  }
  KindNames names(context);
  int code = kConverged;
  for (auto manifest = manifests->rbegin(); manifest != manifests->rend(); ++manifest) {
    const auto kind = names.byKind(manifest->apiVersion(), manifest->kind());
    if (!kind) {
      return context.fail(kind.status().withContext(manifest->place()));
    }
    const std::string ns = manifest->ns().empty() ? context.ns() : manifest->ns();
    code = std::max(code, deleteOne(context, **kind, {(*kind)->namespaced ? ns : "", manifest->name()}, flags));
  }
  return code;
}

int remove(Context& context, DeleteFlags flags) {
  if (!flags.files.empty()) {
    return flags.kind.empty() ? deleteFiles(context, flags) : context.badInput("give either -f or a kind and name");
  }
  splitSlash(flags.kind, flags.name);
  if (flags.kind.empty() || flags.name.empty()) {
    return context.badInput("delete needs a kind and a name, or -f");
  }
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  KindNames names(context);
  const auto kind = names.byName(flags.kind);
  if (!kind) {
    return context.fail(kind.status());
  }
  return deleteOne(context, **kind, {(*kind)->namespaced ? context.ns() : "", flags.name}, flags);
}

}  // namespace

void addObjectCommands(CLI::App& program, Context& context) {
  auto applyFlags = std::make_shared<ApplyFlags>();
  CLI::App* command = program.add_subcommand("apply", "create or change objects as manifests say");
  command->add_option("-f,--filename", applyFlags->files, "file, directory, or - for standard input")->required();
  command->add_flag("--dry-run", applyFlags->dryRun, "let the API server check everything and change nothing");
  command->add_flag("-w,--wait", applyFlags->wait, "show each release's progress until it has converged or failed");
  command->add_option("--timeout", applyFlags->timeout, "with --wait: give up after, for example 10m (0: never)");
  command->footer(
      "Every object is checked before the first one is changed; unknown and duplicate fields are errors.\n"
      "Examples:\n  slipway apply -f release.yaml --wait\n  slipway apply -f manifests/ -n shop\n"
      "  cat release.yaml | slipway apply -f -");
  command->callback(
      [&context, applyFlags] { context.action = [&context, applyFlags] { return apply(context, *applyFlags); }; });

  auto getFlags = std::make_shared<GetFlags>();
  command = program.add_subcommand("get", "show objects");
  command->add_option("kind", getFlags->kind, "release, destination, server, releaserun, secret, …")->required();
  command->add_option("name", getFlags->name, "one object; else all of the namespace");
  command->add_option("-l,--selector", getFlags->selector, "label selector, for example app=shop");
  command->add_flag("-A,--all-namespaces", getFlags->allNamespaces, "of every namespace");
  command->add_option("-o,--output", getFlags->output, "text, wide, json, yaml or name");
  command->add_flag("--show-managed-fields", getFlags->managedFields, "with json or yaml: also metadata.managedFields");
  command->footer(
      "Examples:\n  slipway get releases -o wide\n  slipway get release shop -o yaml\n  slipway get run -l "
      "slipway.dev/release=shop");
  command->callback(
      [&context, getFlags] { context.action = [&context, getFlags] { return get(context, *getFlags); }; });

  auto deleteFlags = std::make_shared<DeleteFlags>();
  command = program.add_subcommand("delete", "delete objects");
  command->add_option("kind", deleteFlags->kind, "kind, or kind/name");
  command->add_option("name", deleteFlags->name, "name");
  command->add_option("-f,--filename", deleteFlags->files, "what these manifests declare, in reverse order");
  command->add_flag("--wait,!--no-wait", deleteFlags->wait, "wait until the objects are gone (default)");
  command->add_option("--timeout", deleteFlags->timeout, "give up waiting after (0: never)");
  command->footer("Examples:\n  slipway delete release shop\n  slipway delete -f release.yaml --no-wait");
  command->callback(
      [&context, deleteFlags] { context.action = [&context, deleteFlags] { return remove(context, *deleteFlags); }; });
}

}  // namespace slipway::cli
