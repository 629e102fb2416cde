#include "reconciler/release/targets.h"

#include <algorithm>
#include <map>

#include "reconciler/api/server.h"
#include "reconciler/base/strings.h"

namespace slipway::release {
namespace {

Result<Destination> readDestination(const ApiReader& reader, const ObjectKey& key) {
  Result<ObjectPtr> object = reader.get(kDestination, key);
  if (!object && object.code() == Code::NotFound) {
    return Status(Code::NotFound,
                  cat("destination_not_found: there is no Destination '", key.name, "' in namespace '", key.ns, "'"));
  }
  SLIPWAY_RETURN_IF_ERROR(object.status());
  return destinationFromJson(**object);
}

Result<Server> readServer(const ApiReader& reader, const ObjectKey& key) {
  Result<ObjectPtr> object = reader.get(kServer, key);
  SLIPWAY_RETURN_IF_ERROR(object.status());
  return serverFromJson(**object);
}

// The servers of one destination that the reference leaves.
Result<std::vector<ObjectMeta>> narrow(const DestinationRef& ref, const Destination& destination,
                                       const std::vector<ObjectMeta>& servers) {
  Result<std::vector<std::string>> all = selectServers(destination, servers);
  SLIPWAY_RETURN_IF_ERROR(all.status());
  for (const std::string& name : ref.servers) {
    if (std::find(all->begin(), all->end(), name) == all->end()) {
      return Status(Code::Invalid, cat("spec.destinations: server '", name, "' is not one of Destination '", ref.name,
                                       "', which has ", all->empty() ? "none" : join(*all, ", ")));
    }
  }
  std::vector<ObjectMeta> out;
  for (const ObjectMeta& server : servers) {
    const bool selected = std::binary_search(all->begin(), all->end(), server.name);
    const bool wanted =
        ref.servers.empty() || std::find(ref.servers.begin(), ref.servers.end(), server.name) != ref.servers.end();
    if (selected && wanted && hasLabels(server.labels, ref.matchLabels)) {
      out.push_back(server);
    }
  }
  if (out.empty()) {
    return Status(Code::Invalid, cat("spec.destinations: Destination '", ref.name, "' gives no server to deploy to"));
  }
  return out;
}

Result<std::vector<ObjectMeta>> listServers(const ApiReader& reader, const std::string& ns) {
  Result<ObjectList> list = reader.list(kServer, ns);
  SLIPWAY_RETURN_IF_ERROR(list.status());
  std::vector<ObjectMeta> out;
  for (const ObjectPtr& object : list->items) {
    out.push_back(metaFromJson(*object));
  }
  return out;
}

std::string labelOf(const ObjectMeta& server, const std::string& label) {
  const auto found = server.labels.find(label);
  return found == server.labels.end() ? "" : found->second;
}

// What the server is in the cluster, if there is one.
void takeSeat(const ReleaseSpec& spec, const ObjectMeta& server, RunTarget& target) {
  if (!spec.cluster.has_value()) {
    return;
  }
  const ClusterSpec& cluster = *spec.cluster;
  const std::string zone = labelOf(server, cluster.zoneLabel);
  target.zone = target.zone.empty() ? zone : target.zone;
  target.voter = hasLabels(server.labels, cluster.memberLabels);
  if (const std::optional<TieBreaker>& breaker = cluster.tieBreaker; breaker.has_value() && target.voter) {
    target.tieBreaker = breaker->zone.empty() ? hasLabels(server.labels, breaker->matchLabels) : zone == breaker->zone;
  }
}

std::string secretValue(const Json& secret, std::string_view key) {
  const Json* value = secret.at({"data", key});
  std::string decoded;
  if (value == nullptr || !value->isString() || !base64Decode(value->asString(), decoded)) {
    return {};
  }
  return decoded;
}

std::string groupPath(std::size_t i) { return cat("spec.strategy.blueGreen.groups[", i, "].matchLabels"); }

// Each server is in exactly one group, and none of the groups is empty.
Status sortIntoGroups(const std::vector<ServerGroup>& groups, const std::vector<ObjectMeta>& servers,
                      std::vector<RunTarget>& targets) {
  for (RunTarget& target : targets) {
    const auto server =
        std::find_if(servers.begin(), servers.end(), [&](const ObjectMeta& one) { return one.name == target.name; });
    for (std::size_t i = 0; i < groups.size(); ++i) {
      if (server == servers.end() || !hasLabels(server->labels, groups[i].matchLabels)) {
        continue;
      }
      if (!target.group.empty()) {
        return {Code::Invalid, cat(groupPath(i), ": server '", target.name, "' is in group '", target.group,
                                   "' too: a server runs one version, give it to one of them")};
      }
      target.group = groups[i].name;
    }
    if (target.group.empty()) {
      return {Code::Invalid, cat("spec.strategy.blueGreen.groups: server '", target.name,
                                 "' is in neither: label it, or leave it out of spec.destinations")};
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (std::none_of(targets.begin(), targets.end(),
                     [&](const RunTarget& target) { return target.group == groups[i].name; })) {
      return {Code::Invalid, cat(groupPath(i), ": no server of the release has these labels")};
    }
  }
  return Status::ok();
}

}  // namespace

Result<std::vector<RunTarget>> freezeTargets(const ApiReader& reader, const std::string& ns, const ReleaseSpec& spec) {
  Result<std::vector<ObjectMeta>> servers = listServers(reader, ns);
  SLIPWAY_RETURN_IF_ERROR(servers.status());
  std::vector<RunTarget> out;
  std::map<std::string, std::string> seen;
  for (const DestinationRef& ref : spec.destinations) {
    Result<Destination> destination = readDestination(reader, {ns, ref.name});
    SLIPWAY_RETURN_IF_ERROR(destination.status());
    Result<std::vector<ObjectMeta>> chosen = narrow(ref, *destination, *servers);
    SLIPWAY_RETURN_IF_ERROR(chosen.status());
    for (const ObjectMeta& server : *chosen) {
      if (auto [at, added] = seen.emplace(server.name, ref.name); !added) {
        return Status(Code::Invalid, cat("spec.destinations: server '", server.name, "' is in both '", at->second,
                                         "' and '", ref.name, "'"));
      }
      RunTarget target;
      target.name = server.name;
      target.destination = ref.name;
      target.uid = server.uid;
      if (spec.strategy.rolling.has_value()) {
        target.zone = labelOf(server, spec.strategy.rolling->zoneLabel);
        target.rank = labelOf(server, spec.strategy.rolling->orderByLabel);
      }
      takeSeat(spec, server, target);
      out.push_back(std::move(target));
    }
  }
  if (spec.strategy.hasGroups()) {
    SLIPWAY_RETURN_IF_ERROR(sortIntoGroups(spec.strategy.blueGreen->groups, *servers, out));
  }
  return out;
}

Result<RemoteTarget> resolveAccess(const ApiReader& reader, const std::string& ns, const std::string& server,
                                   const std::string& uid) {
  Result<Server> found = readServer(reader, {ns, server});
  if (!found && found.code() != Code::NotFound) {
    return found.status();
  }
  if (!found || (!uid.empty() && found->meta.uid != uid)) {
    return Status(Code::NotFound, cat("Server '", server, "' is gone"));
  }
  const ServerSpec& spec = found->spec;
  RemoteTarget target;
  target.name = server;
  target.address = spec.address;
  target.port = spec.port;
  target.user = spec.user;
  target.hostKeys = spec.hostKeys;
  if (spec.keySecret.empty()) {
    return Status(Code::Denied, cat("Server '", server, "' has no spec.keySecretRef: there is no key to log in with"));
  }
  Result<ObjectPtr> secret = reader.get(kSecret, {ns, spec.keySecret});
  // Only a Secret that is known to be missing is the person's: an API that does not answer for a moment is not.
  if (!secret && secret.code() != Code::NotFound) {
    return secret.status();
  }
  if (!secret) {
    return Status(Code::Denied, cat("Secret '", spec.keySecret, "', named by Server '", server, "', does not exist"));
  }
  target.privateKey = secretValue(**secret, spec.keySecretKey);
  target.passphrase = secretValue(**secret, "passphrase");
  if (target.privateKey.empty()) {
    return Status(Code::Denied, cat("Secret '", spec.keySecret, "', named by Server '", server, "', has no data key '",
                                    spec.keySecretKey, "'"));
  }
  return target;
}

Result<SourceCredentials> resolveCredentials(const ApiReader& reader, const std::string& ns, const SourceSpec& source) {
  SourceCredentials out;
  if (!source.git.has_value() || source.git->secretRef.empty()) {
    return out;
  }
  const std::string& name = source.git->secretRef;
  Result<ObjectPtr> secret = reader.get(kSecret, {ns, name});
  if (!secret && secret.code() != Code::NotFound) {
    return secret.status();
  }
  if (!secret) {
    return Status(Code::Denied, cat("spec.source.git.secretRef: Secret '", name, "' does not exist"));
  }
  out.username = secretValue(**secret, "username");
  out.password = secretValue(**secret, "password");
  out.sshPrivateKey = secretValue(**secret, "ssh-privatekey");
  out.knownHosts = secretValue(**secret, "known_hosts");
  out.caCertificate = secretValue(**secret, "ca.crt");
  return out;
}

}  // namespace slipway::release
