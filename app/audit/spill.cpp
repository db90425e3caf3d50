#include "app/audit/spill.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <unistd.h>

#include "domain/assert.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{16} << 10; // of one part of one list

struct closing {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using open_file = std::unique_ptr<std::FILE, closing>;

[[noreturn]] void fail(const std::filesystem::path& path) {
  throw std::runtime_error("the audit's file " + path.string() + ": " + std::strerror(errno)
                           + "; --cursor DIR or TMPDIR names a folder with more room");
}

open_file open_or_fail(const std::filesystem::path& path, const char* mode) {
  open_file file(std::fopen(path.c_str(), mode));
  if (!file)
    fail(path);
  return file;
}

} // namespace

std::size_t spill_part(std::int64_t record) noexcept {
  // Ids come in rows, so their bits are mixed first (the finisher of splitmix64).
  auto bits = static_cast<std::uint64_t>(record);
  bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
  bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
  return static_cast<std::size_t>((bits ^ (bits >> 31U)) % spill_parts);
}

spill_space::spill_space(std::filesystem::path folder, std::size_t memory_max)
    : folder_(std::move(folder)), memory_max_(memory_max), kept_(!folder_.empty()),
      in_files_(kept_) {}

spill_space::~spill_space() {
  std::error_code ignored;
  if (!kept_ && !folder_.empty())
    std::filesystem::remove_all(folder_, ignored);
}

void spill_space::grew(std::size_t bytes) {
  bytes_ += bytes;
  if (bytes_ <= memory_max_)
    return;
  auto name = (std::filesystem::temp_directory_path() / "ledgerd-audit.XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr)
    fail(name);
  folder_ = name;
  in_files_ = true;
  for (auto* each : lists_)
    each->move_to_files();
}

std::filesystem::path spill_space::file(const std::string& list, std::size_t part) const {
  return folder_ / (list + "." + std::to_string(part));
}

spill_base::spill_base(spill_space& in, std::string name) : space_(in), name_(std::move(name)) {
  space_.lists_.push_back(this);
}

spill_base::~spill_base() {
  std::erase(space_.lists_, this);
}

void spill_base::append(std::size_t part, std::span<const std::byte> item) {
  auto& buffer = buffers_[part];
  if (buffer.capacity() == 0)
    buffer.reserve(buffer_bytes + item.size());
  buffer.insert(buffer.end(), item.begin(), item.end());
  if (buffer.size() >= buffer_bytes)
    write(part);
}

void spill_base::write(std::size_t part) {
  auto& buffer = buffers_[part];
  if (buffer.empty())
    return;
  const auto path = space_.file(name_, part);
  // The first time a part begins anew: the folder may hold an earlier audit's.
  const auto file = open_or_fail(path, sizes_[part] == 0 ? "wb" : "ab");
  if (std::fwrite(buffer.data(), 1, buffer.size(), file.get()) != buffer.size()
      || std::fflush(file.get()) != 0)
    fail(path);
  sizes_[part] += buffer.size();
  buffer.clear();
}

spill_sizes spill_base::flush() {
  LEDGERD_ASSERT(space_.in_files());
  for (std::size_t part = 0; part < spill_parts; ++part)
    write(part);
  return sizes_;
}

void spill_base::restore(const spill_sizes& sizes) {
  for (std::size_t part = 0; part < spill_parts; ++part) {
    const auto path = space_.file(name_, part);
    std::error_code error;
    if (sizes[part] == 0)
      continue;
    if (std::filesystem::file_size(path, error) < sizes[part] || error)
      throw std::runtime_error("the audit's file " + path.string()
                               + " is not as the cursor says; begin with an empty folder");
    std::filesystem::resize_file(path, sizes[part], error);
    if (error)
      throw std::runtime_error("the audit's file " + path.string() + ": " + error.message());
  }
  sizes_ = sizes;
}

std::vector<std::byte> spill_base::read(std::size_t part) {
  write(part);
  buffers_[part] = {};
  std::vector<std::byte> bytes(sizes_[part]);
  if (bytes.empty())
    return bytes;
  const auto path = space_.file(name_, part);
  const auto file = open_or_fail(path, "rb");
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size())
    fail(path);
  return bytes;
}

} // namespace ledgerd
