#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/apiserver/list_selector.h"
#include "reconciler/apiserver/object_writer.h"

namespace slipway::apiserver {

// Where a resource path leads.
struct RestPath {
  std::string group;
  std::string version;
  std::string plural;  // empty: the path names only a group version
  std::string ns;
  std::string name;
  std::string subresource;
  bool watch = false;  // the old /watch/ prefix
  bool exact = true;   // false: more segments than a resource path has

  // nullopt for anything but /api/v1/… and /apis/G/V/….
  static std::optional<RestPath> parse(std::string_view path);
};

// dryRun, fieldValidation, fieldManager of a POST, PUT or PATCH; `kind` is CreateOptions, UpdateOptions or
// PatchOptions.
ApiResult<WriteOptions> writeOptions(const HttpRequest& request, std::string_view kind);

// From the body when there is one (the query is ignored then), else from the query.
ApiResult<DeleteOptions> deleteOptions(const HttpRequest& request);

struct ListOptions {
  ListSelector selector;
  std::optional<Revision> resourceVersion;  // none when absent
  std::string match;                        // "", Exact, NotOlderThan
  std::size_t limit = 0;                    // 0: no limit
  std::string resume;                       // the continue token
  bool watch = false;
  bool bookmarks = false;
  std::optional<bool> sendInitialEvents;
  std::int64_t timeoutSeconds = 0;  // 0: the server chooses
};
ApiResult<ListOptions> listOptions(const ResourceInfo& resource, const HttpRequest& request, bool watchPrefix);

// Where a list goes on: the snapshot's revision (none: whatever is newest) and the last key that was sent.
struct ContinueToken {
  std::optional<Revision> revision;
  ObjectKey after;

  std::string encode() const;
  static std::optional<ContinueToken> decode(std::string_view text);
};

// 500 for anything but a decimal number, as the real server says it.
ApiResult<Revision> parseRevision(std::string_view text);

}  // namespace slipway::apiserver
