// Gives every file of the folders that are named to a fuzz target, without libFuzzer: what was
// found once is tried in every run of the tests. Fails when there is none.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

int main(int count, char** words) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < count; ++i)
    for (const auto& item : std::filesystem::directory_iterator(words[i]))
      files.push_back(item.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
    // The last thing that a failure leaves behind is the name of its input.
    std::printf("%s\n", file.filename().c_str());
    std::fflush(stdout);
    // A copy of exactly this size, so that a sanitizer sees what reads beyond it.
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
