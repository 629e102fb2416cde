#include <algorithm>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "cmd/slipway/commands.h"
#include "cmd/slipway/views/text_table.h"
#include "providers/transport/host_keys.h"
#include "reconciler/api/destination.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

struct EnrolFlags {
  std::string name;
  std::string address;
  std::optional<std::uint16_t> port;
  std::string user;
  std::string keySecret;
  std::vector<std::string> labels;
  std::string fingerprint;
  bool yes = false;
  std::string timeout = "10s";
};

// The keys a person accepts: one named by its fingerprint, or all that were shown.
Result<std::vector<std::string>> acceptedKeys(Context& context, const EnrolFlags& flags,
                                              const std::vector<std::string>& keys) {
  std::vector<std::string> matching;
  context.print(cat(flags.address, " port ", *flags.port, " shows these host keys:\n"));
  for (const std::string& key : keys) {
    const std::string print = transport::fingerprint(key);
    context.print(cat("  ", key.substr(0, key.find(' ')), "  ", print, "\n"));
    if (print == flags.fingerprint) {
      matching.push_back(key);
    }
  }
  if (!flags.fingerprint.empty()) {
    return matching.empty()
               ? Result<std::vector<std::string>>(
                     Status(Code::Denied, cat("none has the fingerprint ", flags.fingerprint, ": nothing is recorded")))
               : Result<std::vector<std::string>>(std::move(matching));
  }
  if (flags.yes) {
    return keys;
  }
  if (!context.terminalIn()) {
    return Status(Code::Invalid,
                  "there is no terminal to ask on: compare the fingerprint on the server (ssh-keygen -lf "
                  "/etc/ssh/ssh_host_ed25519_key.pub) and give it with --fingerprint, or accept it unseen with --yes");
  }
  if (!context.confirm("Are these the server's keys? Compare them on the server itself")) {
    return Status(Code::Denied, "nothing is recorded");
  }
  return keys;
}

Result<Json> serverSpec(const EnrolFlags& flags, const std::vector<std::string>& keys) {
  Json list = Json::array();
  for (const std::string& key : keys) {
    list.push(key);
  }
  Json spec = Json::object({{"address", flags.address}, {"port", static_cast<std::int64_t>(*flags.port)}});
  if (!flags.user.empty()) {
    spec["user"] = flags.user;
  }
  if (!flags.keySecret.empty()) {
    spec["keySecretRef"] = Json::object({{"name", flags.keySecret}});
  }
  spec["hostKeys"] = std::move(list);
  Json object = Json::object({{"spec", std::move(spec)}});
  for (const std::string& label : flags.labels) {
    const std::size_t equals = label.find('=');
    if (equals == std::string::npos) {
      return Status(Code::Invalid, cat("--label ", label, ": KEY=VALUE is expected"));
    }
    object["metadata"]["labels"][label.substr(0, equals)] = label.substr(equals + 1);
  }
  return object;
}

// What was not given is as it was recorded.
Status fillFrom(const Result<Json>& existing, EnrolFlags& flags) {
  const Json* spec = existing ? existing->find("spec") : nullptr;
  if (flags.address.empty() && spec != nullptr) {
    flags.address = spec->getString("address");
  }
  if (!flags.port) {
    flags.port = static_cast<std::uint16_t>(spec == nullptr ? 22 : spec->getInt("port", 22));
  }
  if (flags.address.empty()) {
    return {Code::Invalid, cat("there is no Server ", flags.name, " yet: give its --address")};
  }
  return Status::ok();
}

int enrol(Context& context, EnrolFlags flags) {
  const auto timeout = timeoutOf(flags.timeout);
  auto api = context.client();
  if (!timeout || !api) {
    return context.fail(timeout ? api.status() : timeout.status());
  }
  const ObjectKey key{context.ns(), flags.name};
  const auto existing = (*api)->get(kServer, key);
  if (!existing && existing.code() != Code::NotFound) {
    return context.fail(existing.status());
  }
  if (const Status filled = fillFrom(existing, flags); !filled) {
    return context.fail(filled);
  }
  const auto shown = transport::scanHostKeys(flags.address, *flags.port, *timeout);
  if (!shown) {
    return context.fail(shown.status());
  }
  const auto keys = acceptedKeys(context, flags, *shown);
  if (!keys) {
    return context.fail(keys.status());
  }
  auto object = serverSpec(flags, *keys);
  if (!object) {
    return context.fail(object.status());
  }
  Result<ObjectPtr> written = Status(Code::Internal, "not written");
  if (existing) {
    written = (*api)->mergePatch(kServer, key, *object);
  } else {
    (*object)["apiVersion"] = kServer.apiVersion();
    (*object)["kind"] = kServer.kind;
    (*object)["metadata"]["name"] = key.name;
    (*object)["metadata"]["namespace"] = key.ns;
    written = (*api)->create(kServer, *object);
  }
  if (!written) {
    return context.fail(written.status());
  }
  context.print(cat("server.slipway.dev/", key.name, existing ? " configured" : " created", " with ", keys->size(),
                    keys->size() == 1 ? " pinned host key\n" : " pinned host keys\n"));
  return kConverged;
}

int listServers(Context& context) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  const auto servers = (*api)->list(kServer, context.ns());
  if (!servers) {
    return context.fail(servers.status());
  }
  TextTable table({"NAME", "ADDRESS", "PORT", "USER", "HOST KEYS", "LABELS"});
  for (const ObjectPtr& server : servers->items) {
    const Json* spec = server->find("spec");
    const Json* name = server->at({"metadata", "name"});
    const Json* labels = server->at({"metadata", "labels"});
    const Json* keys = spec == nullptr ? nullptr : spec->find("hostKeys");
    std::vector<std::string> prints;
    if (keys != nullptr && keys->isArray()) {
      for (const Json& key : keys->asArray()) {
        prints.push_back(key.isString() ? transport::fingerprint(key.asString()) : "");
      }
    }
    std::vector<std::string> pairs;
    if (labels != nullptr && labels->isObject()) {
      for (const auto& [label, value] : labels->asObject()) {
        pairs.push_back(cat(label, "=", value.isString() ? value.asString() : ""));
      }
    }
    table.add({name == nullptr ? "" : name->asString(), spec == nullptr ? "" : spec->getString("address"),
               cat(spec == nullptr ? 22 : spec->getInt("port", 22)), spec == nullptr ? "" : spec->getString("user"),
               prints.empty() ? "none: enrol it" : join(prints, " "), join(pairs, ",")});
  }
  context.print(table.text());
  return kConverged;
}

struct LockFlags {
  std::string destination;
  std::string message;
  bool force = false;
};

int lock(Context& context, const LockFlags& flags, bool locked) {
  auto api = context.client();
  if (!api) {
    return context.fail(api.status());
  }
  const ObjectKey key{context.ns(), flags.destination};
  const auto current = (*api)->get(kDestination, key);
  if (!current) {
    return context.fail(current.status());
  }
  const Json* held = current->at({"spec", "lock"});
  const std::string holder = held == nullptr ? "" : held->getString("by");
  if (held == nullptr && !locked) {
    context.print(cat("destination ", key.name, " is not locked\n"));
    return kConverged;
  }
  if (held != nullptr && holder != context.who() && !flags.force) {
    return context.fail(
        {Code::Conflict, cat("destination ", key.name, " is locked by ", holder, " since ", held->getString("at"), ": ",
                             held->getString("message"), "; --force overrides that")});
  }
  Json patch;
  patch["metadata"]["resourceVersion"] = current->at({"metadata", "resourceVersion"})->asString();
  Json& change = patch["spec"]["lock"];
  if (locked) {
    change =
        Json::object({{"message", flags.message}, {"by", context.who()}, {"at", formatTime(context.clock().wall())}});
  }
  if (held != nullptr && holder != context.who()) {
    patch["metadata"]["annotations"][kLockOverride] =
        cat(formatTime(context.clock().wall()), " ", context.who(), locked ? " replaced" : " lifted", " the lock of ",
            holder.empty() ? "an unknown person" : holder, ": ", held->getString("message"));
  }
  if (const auto written = (*api)->mergePatch(kDestination, key, patch); !written) {
    return context.fail(written.status());
  }
  context.print(cat("destination ", key.name, locked ? " locked: no run starts there\n" : " unlocked\n"));
  return kConverged;
}

void addEnrol(CLI::App& group, Context& context) {
  auto flags = std::make_shared<EnrolFlags>();
  CLI::App* command = group.add_subcommand("enrol", "record a server and its host key");
  command->add_option("name", flags->name, "name of the Server object")->required();
  command->add_option("--address", flags->address,
                      "host name or IP address; of a recorded server else the recorded one");
  command->add_option("--port", flags->port, "SSH port (else the recorded one, or 22)")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT");
  command->add_option("--user", flags->user, "login user (else the recorded one, or root)");
  command->add_option("--key-secret", flags->keySecret, "Secret that holds the private key as ssh-privatekey");
  command->add_option("--label", flags->labels, "KEY=VALUE, may be repeated");
  command->add_option("--fingerprint", flags->fingerprint, "SHA256:… of the key to accept; nothing is asked then");
  command->add_flag("-y,--yes", flags->yes, "accept what the server shows, unseen");
  command->add_option("--timeout", flags->timeout, "for the connection");
  command->footer(
      "Slipway never trusts a server at first use: only keys recorded here are accepted.\n"
      "Examples:\n  slipway server enrol web1 --address web1.example.com --user deploy --key-secret deploy-key\n"
      "  slipway server enrol web1 --address 10.0.0.5 --user deploy --fingerprint SHA256:…\n"
      "  slipway server enrol web1        # its key has changed: look at the new one and record it");
  command->callback([&context, flags] { context.action = [&context, flags] { return enrol(context, *flags); }; });
}

}  // namespace

void addServerCommands(CLI::App& program, Context& context) {
  CLI::App* group = program.add_subcommand("server", "servers: enrol, list");
  group->require_subcommand(1);
  addEnrol(*group, context);
  CLI::App* list = group->add_subcommand("list", "servers with the fingerprints of their pinned keys");
  list->callback([&context] { context.action = [&context] { return listServers(context); }; });

  auto lockFlags = std::make_shared<LockFlags>();
  CLI::App* command = program.add_subcommand("lock", "let no run start on a destination");
  command->add_option("destination", lockFlags->destination, "name of the destination")->required();
  command->add_option("-m,--message", lockFlags->message, "why, for those who meet the lock")->required();
  command->add_flag("--force", lockFlags->force, "replace someone else's lock");
  command->footer("Example:\n  slipway lock web --message \"database migration until 14:00\"");
  command->callback(
      [&context, lockFlags] { context.action = [&context, lockFlags] { return lock(context, *lockFlags, true); }; });

  auto unlockFlags = std::make_shared<LockFlags>();
  command = program.add_subcommand("unlock", "let runs start on a destination again");
  command->add_option("destination", unlockFlags->destination, "name of the destination")->required();
  command->add_flag("--force", unlockFlags->force, "also if someone else locked it");
  command->footer("Example:\n  slipway unlock web");
  command->callback([&context, unlockFlags] {
    context.action = [&context, unlockFlags] { return lock(context, *unlockFlags, false); };
  });
}

}  // namespace slipway::cli
