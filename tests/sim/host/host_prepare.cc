#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "reconciler/base/strings.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {
namespace {

std::set<std::string> lineSet(const std::string& text) {
  std::set<std::string> out;
  for (std::string& line : split(text, '\n')) {
    if (!line.empty()) {
      out.insert(std::move(line));
    }
  }
  return out;
}

struct ManifestLine {
  char type = 'f';
  std::string digest;
  std::uint64_t size = 0;
  std::string path;
};

ManifestLine parseLine(const std::string& line) {
  ManifestLine out;
  const std::size_t second = line.find(' ', 2);
  const std::size_t third = line.find(' ', second + 1);
  out.type = line[0];
  out.digest = line.substr(2, second - 2);
  std::from_chars(line.data() + second + 1, line.data() + third, out.size);
  out.path = line.substr(third + 1);
  return out;
}

// Whether a link at `path`, inside a tree, names a place outside of it.
bool leavesTree(const std::string& path, const std::string& target) {
  if (target.starts_with('/')) {
    return true;
  }
  auto depth = std::count(path.begin(), path.end(), '/') - 1;  // "./a/b" is one deep
  for (const std::string& name : split(target, '/')) {
    depth += name == ".." ? -1 : name.empty() || name == "." ? 0 : 1;
    if (depth < 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

void HostScript::prepare() {
  phase_ = "fetch";
  if (!makeDirectories() || rejoin()) {
    return;
  }
  enter([this] { prepareLocked(); });
}

void HostScript::prepareLocked() {
  if (refuseForeign() || !openOperation()) {
    return;
  }
  const std::optional<bool> resume = resumable();
  if (!resume) {
    return;
  }
  if (*resume) {
    supervise([this] { prepareBody(); });
  } else {
    makeReady();
  }
}

// Whether a begun operation goes on; nothing when that was answered already.
std::optional<bool> HostScript::resumable() {
  Files& files = host_.files();
  if (!files.exists(opDir_ + "/began")) {
    return false;
  }
  for (std::size_t step = 1; step <= builds_.size(); ++step) {
    if (files.exists(cat(opDir_, "/claim-", step)) && !files.exists(cat(opDir_, "/done-", step))) {
      phase_ = builds_[step - 1].name;
      unknown(cat(phase_, " began in ", releaseDir(),
                  " and was interrupted; it is not idempotent, so it is not run again"));
      return std::nullopt;
    }
  }
  return files.exists(opDir_ + "/fetched") && files.isDirectory(releaseDir() + "/.slipway-release");
}

void HostScript::makeReady() {
  if (host_.files().look(releaseDir()) != nullptr && existing()) {
    return;
  }
  receiveArtifact();
}

// The directory is there: ready for this very work (true, answered), or replaced, unless it is in use.
bool HostScript::existing() {
  const std::optional<Marker> marker = readMarker(releaseDir());
  std::string why = "it is not ready";
  if (marker && marker->identity == identity_) {
    if (treeIntact(releaseDir(), *marker)) {
      digest_ = marker->digest;
      already_ = true;
      host_.files().remove(opDir_);
      done("already prepared");
      return true;
    }
    why = "its content was changed after it was prepared";
  } else if (marker) {
    why = cat("it was prepared from something else (", marker->identity, ")");
  }
  for (const char* name : {"current", "previous"}) {
    if (idOf(rawLink(name)) == release_) {
      refuse("Conflict", cat(releaseDir(), " is what ", name, "-", request_.environment, " names, and ", why,
                             ": use another version"));
      return true;
    }
  }
  if (!discard(releaseDir())) {
    refuse("Unavailable", cat("cannot move ", releaseDir(), " away"));
    return true;
  }
  return false;
}

void HostScript::receiveArtifact() {
  Files& files = host_.files();
  const std::string incoming = state_ + "/incoming";
  files.remove(incoming);
  if (!files.makeDirectories(incoming + "/tree")) {
    refuseFull(cat("cannot create ", incoming));
    return;
  }
  say("manifest");
  flush();
  takeManifest();
}

void HostScript::takeManifest() {
  const std::optional<std::string> manifest = field();
  if (!manifest) {
    if (eof_) {
      leave(97);
    } else {
      waiting_ = [this] { takeManifest(); };
    }
    return;
  }
  const std::string incoming = state_ + "/incoming";
  if (!host_.files().write(incoming + "/manifest", cat(*manifest, manifest->empty() ? "" : "\n"))) {
    refuseFull(cat("cannot write to ", incoming));
    return;
  }
  chooseBase(lineSet(*manifest));
  askForMissing(lineSet(*manifest));
  flush();
  if (toCome_) {
    awaitArchive();
  } else {
    pause([this] { storeArtifact(); });
  }
}

// The stored artifact that has most in common.
void HostScript::chooseBase(const std::set<std::string>& wanted) {
  Files& files = host_.files();
  std::ptrdiff_t best = 0;
  base_.clear();
  for (const std::string& name : files.list(state_ + "/artifacts")) {
    const std::string candidate = cat(state_, "/artifacts/", name);
    if (!files.isDirectory(candidate + "/tree")) {
      continue;
    }
    const std::set<std::string> have = lineSet(files.read(candidate + "/manifest").value_or(""));
    const auto common =
        std::count_if(have.begin(), have.end(), [&](const std::string& line) { return wanted.contains(line); });
    if (common > best) {
      best = common;
      base_ = candidate;
    }
  }
}

void HostScript::askForMissing(const std::set<std::string>& wanted) {
  Files& files = host_.files();
  const std::string tree = state_ + "/incoming/tree";
  toCome_ = true;
  if (base_.empty()) {
    say("need all");
    say("send");
    return;
  }
  const std::set<std::string> have = lineSet(files.read(base_ + "/manifest").value_or(""));
  files.copyTree(base_ + "/tree", tree);
  for (const std::string& line : have) {
    if (!wanted.contains(line)) {
      removeWithParents(cat(tree, "/", parseLine(line).path), tree);
    }
  }
  std::vector<std::string> missing;
  for (const std::string& line : wanted) {
    if (!have.contains(line)) {
      missing.push_back(parseLine(line).path);
    }
  }
  toCome_ = !missing.empty();
  say(cat("need ", missing.size()));
  for (const std::string& path : missing) {
    say(cat("path ", path));
  }
  say("send");
}

// Directories that are left empty go too.
void HostScript::removeWithParents(std::string path, const std::string& top) {
  host_.files().remove(path);
  while (path.size() > top.size()) {
    path.resize(path.rfind('/'));
    if (path.size() <= top.size() || !host_.files().list(path).empty()) {
      return;
    }
    host_.files().remove(path);
  }
}

// Until the end of file: a cut connection ends it too, early.
void HostScript::awaitArchive() {
  if (!eof_) {
    waiting_ = [this] { awaitArchive(); };
    return;
  }
  Files& files = host_.files();
  const std::string tree = state_ + "/incoming/tree";
  for (const TarEntry& entry : readTar(std::string_view(in_).substr(at_))) {
    const std::string path = cat(tree, "/", entry.path);
    const std::size_t slash = path.rfind('/');
    // tar(1) replaces what is in the way.
    if (!entry.directory && files.isDirectory(path)) {
      files.remove(path);
    }
    files.makeDirectories(entry.directory ? path : path.substr(0, slash));
    if (entry.link) {
      files.remove(path);
      files.makeLink(entry.content, path);
    } else if (!entry.directory) {
      files.write(path, entry.content, entry.executable);
    }
  }
  in_.clear();
  at_ = 0;
  storeArtifact();
}

// What comes from the store and what was sent is compared with the manifest, each time.
void HostScript::storeArtifact() {
  Files& files = host_.files();
  std::string stray;
  if (!verifyArtifact(stray)) {
    if (!stray.empty()) {
      refuse("Invalid", cat("the link ", stray, " of the artifact leaves its tree"));
      return;
    }
    // When all that was sent is there, it is the base that was damaged: without its tree it is not chosen again.
    if (!base_.empty()) {
      files.remove(base_ + "/tree");
    }
    refuse("Unavailable", cat("the release's files did not arrive whole in ", state_, "/incoming: connection lost"));
    return;
  }
  pause([this] {
    const std::string store = cat(state_, "/artifacts/", artifact_);
    host_.files().remove(store);
    if (!host_.files().rename(state_ + "/incoming", store)) {
      refuse("Unavailable", cat("cannot move ", state_, "/incoming to ", store));
      return;
    }
    beginWork();
  });
}

bool HostScript::verifyArtifact(std::string& stray) const {
  Files& files = host_.files();
  std::size_t entries = 0;
  files.walk(state_ + "/incoming/tree", [&](const std::string& path, const Files::Node& node) {
    entries += node.type != Files::Node::Type::Directory;
    if (node.type == Files::Node::Type::Link && stray.empty() && leavesTree(path, node.content)) {
      stray = path;
    }
    return true;
  });
  const std::set<std::string> wanted = lineSet(files.read(state_ + "/incoming/manifest").value_or(""));
  return stray.empty() && entries == wanted.size() &&
         std::all_of(wanted.begin(), wanted.end(), [&](const std::string& text) {
           const ManifestLine line = parseLine(text);
           const Files::Node* node = files.look(cat(state_, "/incoming/tree/", line.path));
           return line.type == 'l' || (node != nullptr && node->digest() == line.digest);
         });
}

// The artifact is in its store: the operation begins.
void HostScript::beginWork() {
  Files& files = host_.files();
  if (files.exists(opDir_ + "/began")) {
    for (std::size_t step = 1; step <= builds_.size(); ++step) {
      files.remove(cat(opDir_, "/claim-", step));
      files.remove(cat(opDir_, "/done-", step));
    }
    files.remove(opDir_ + "/fetched");
  }
  files.write(opDir_ + "/began", "");
  supervise([this] { prepareBody(); });
}

void HostScript::prepareBody() {
  if (!host_.files().exists(opDir_ + "/fetched") && !unpack()) {
    return;
  }
  pause([this] {
    progress("link-shared");
    linkShared(0);
  });
}

bool HostScript::unpack() {
  Files& files = host_.files();
  progress("fetch");
  const std::string store = cat(state_, "/artifacts/", artifact_);
  if (files.exists(store + "/tree/.slipway-release")) {
    refuse("Invalid", "the source has a file .slipway-release, a reserved name");
    return false;
  }
  if (!files.makeDirectories(releaseDir() + "/.slipway-release") || !files.copyTree(store + "/tree", releaseDir()) ||
      !files.write(releaseDir() + "/.slipway-release/names", files.read(store + "/manifest").value_or(""))) {
    refuseFull(cat("cannot copy the files to ", releaseDir()));
    return false;
  }
  files.write(opDir_ + "/fetched", "");
  return true;
}

void HostScript::linkShared(std::size_t at) {
  Files& files = host_.files();
  for (; at < sharedDirectories_.size(); ++at) {
    if (!files.makeDirectories(cat(request_.root, "/shared/", sharedDirectories_[at]))) {
      refuse("Unavailable",
             cat("cannot create the shared directory ", request_.root, "/shared/", sharedDirectories_[at]));
      return;
    }
    if (!linkOne(sharedDirectories_[at])) {
      return;
    }
  }
  for (const std::string& path : sharedFiles_) {
    if (!files.exists(cat(request_.root, "/shared/", path))) {
      refuse("Invalid", cat("the shared file ", request_.root, "/shared/", path,
                            " does not exist: create it on this server, then retry"));
      return;
    }
    if (!linkOne(path)) {
      return;
    }
  }
  pause([this] { buildStep(1); });
}

bool HostScript::linkOne(const std::string& path) {
  Files& files = host_.files();
  std::string up = "../../../shared";
  std::string above = releaseDir();
  const std::vector<std::string> names = split(path, '/');
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    above += "/" + names[i];
    up = "../" + up;
    if (files.isLink(above) || (!files.isDirectory(above) && !files.makeDirectory(above))) {
      refuse("Invalid", cat("shared path ", path, ": ", above, " is no directory in the source"));
      return false;
    }
  }
  const std::string here = cat(releaseDir(), "/", path);
  if (files.readLink(here) == cat(up, "/", path)) {
    return true;
  }
  files.remove(here);
  if (!files.makeLink(cat(up, "/", path), here)) {
    refuse("Unavailable", cat("cannot link ", here));
    return false;
  }
  return true;
}

void HostScript::buildStep(std::size_t at) {
  Files& files = host_.files();
  if (at > builds_.size()) {
    progress("required-files");
    if (!required(releaseDir())) {
      return;
    }
    progress("ready");
    pause([this] {
      if (writeMarker()) {
        pause([this] { done("prepared"); });
      } else {
        refuseFull(cat("cannot write the ready marker of ", releaseDir()));
      }
    });
    return;
  }
  const Build& build = builds_[at - 1];
  progress(build.name);
  if (files.exists(opDir_ + "/aborted")) {
    refuse("Cancelled", cat("aborted before ", build.name));
    return;
  }
  if (files.exists(cat(opDir_, "/done-", at))) {
    buildStep(at + 1);
    return;
  }
  if (!build.idempotent && !files.write(cat(opDir_, "/claim-", at), "")) {
    refuseFull(cat("cannot write to ", opDir_));
    return;
  }
  pause([this, at] {
    userCommand(builds_[at - 1], releaseDir(), [this, at] {
      if (refuseFailed(cat("build step ", builds_[at - 1].name), "Invalid")) {
        return;
      }
      host_.files().write(cat(opDir_, "/done-", at), "0\n");
      pause([this, at] { buildStep(at + 1); });
    });
  });
}

bool HostScript::required(const std::string& directory) {
  for (const std::string& path : required_) {
    if (!host_.files().exists(cat(directory, "/", path))) {
      refuse("Invalid", cat("the required file ", path, " is missing in ", directory, ": does the build make it?"));
      return false;
    }
  }
  return true;
}

}  // namespace slipway::sim
