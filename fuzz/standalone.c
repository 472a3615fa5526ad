/* SPDX-License-Identifier: Apache-2.0
 *
 * Replays inputs through a fuzz target without libFuzzer: each argument is a file, or a folder of files. Having
 * nothing to replay is a failure, so that a corpus that went missing does not pass.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0, capacity = 0;

    if (!file) {
        perror(path);
        return -1;
    }
    do {
        capacity += 65536;
        data = realloc(data, capacity);
        if (!data)
            abort();
        size += fread(data + size, 1, capacity - size, file);
    } while (size == capacity);
    fclose(file);
    /* A copy of just this size, so that a sanitizer sees a read past its end. */
    data = realloc(data, size ? size : 1);
    if (!data)
        abort();
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), replayed = 0;
    char name[4096];

    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && replayed >= 0) {
            snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
            replayed = replay_file(name) < 0 ? -1 : replayed + 1;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return count < 0 ? -1 : replayed;
}

int main(int argc, char **argv)
{
    struct stat facts;
    int total = 0;

    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        int count =
            stat(argv[i], &facts) == 0 && S_ISDIR(facts.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);

        if (count < 0) {
            fprintf(stderr, "%s cannot be replayed\n", argv[i]);
            return 1;
        }
        total += count;
    }
    printf("%d inputs replayed\n", total);
    return total == 0;
}
