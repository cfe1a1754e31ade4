/* SPDX-License-Identifier: ISC */
/* helper_image.c - see helper_image.h. */
#include "helper_image.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST_ARGUMENTS 40

static void must(bool fine, const char *what)
{
    if (!fine) {
        perror(what);
        exit(1);
    }
}

static const char *find_program(const char *name, char *path, size_t size)
{
    static const char *const folders[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, size, "%s/%s", folders[i], name);
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    printf("%s is missing\n", name);
    exit(77);
}

int run(const char *program, const char *const *arguments)
{
    char path[64];
    char *argv[MOST_ARGUMENTS] = { (char *)find_program(program, path, sizeof(path)) };
    for (size_t i = 0; arguments[i] != NULL && i + 2 < MOST_ARGUMENTS; i++) {
        argv[i + 1] = (char *)arguments[i];
    }
    FILE *output = tmpfile();
    must(output != NULL, "tmpfile");
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
        dup2(fileno(output), 1);
        dup2(fileno(output), 2);
        execv(path, argv);
        _exit(127);
    }
    int status;
    must(waitpid(pid, &status, 0) == pid, "waitpid");
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    if (code != 0) {
        char line[512];
        rewind(output);
        while (fgets(line, sizeof(line), output) != NULL) {
            printf("  %s: %s", program, line);
        }
    }
    fclose(output);
    return code;
}

int fsck(const char *path, const char *option)
{
    return run("e2fsck", (const char *const[]){ option, path, NULL });
}

void superblock(const char *path, const char *name, char *value, size_t size)
{
    char program[64], command[256], line[256];
    snprintf(command, sizeof(command), "%s -h %s 2>/dev/null", find_program("dumpe2fs", program, sizeof(program)),
             path);
    FILE *pipe = popen(command, "r");
    must(pipe != NULL, "popen");
    value[0] = '\0';
    while (fgets(line, sizeof(line), pipe) != NULL) {
        char *colon = strchr(line, ':');
        if (colon != NULL && strncmp(line, name, strlen(name)) == 0) {
            snprintf(value, size, "%s", colon + 1 + strspn(colon + 1, " "));
            value[strcspn(value, "\n")] = '\0';
        }
    }
    pclose(pipe);
}

/* ---- Kinds ---- */

static int check_ext(const char *path)
{
    return fsck(path, "-fn");
}

static int repair_ext(const char *path)
{
    return fsck(path, "-p") <= 1 ? fsck(path, "-fn") : 1;
}

const struct image_kind image_ext = {
    .maker = "mke2fs",
    .options = "-q -F",
    .open = files_open_ext,
    .check = check_ext,
    .repair = repair_ext,
    .modes = 07777,
    .xattrs = true,
    .allocates = true,
    .fifos = true,
    .links = true,
    .exchanges = true,
    .replaces = true,
};

/* Two opinions: a program that follows every structure, and ntfsresize, which counts clusters. */
static int check_ntfs(const char *path)
{
    int found = run("python3", (const char *const[]){ SOURCE_DIR "/tests/files/check_ntfs.py", path, NULL });
    return found != 0 ? found : run("ntfsresize", (const char *const[]){ "-c", "-f", "-P", path, NULL });
}

/* Nothing repairs it but the driver; what it will make of it is what counts. */
static int repair_ntfs(const char *path)
{
    (void)path;
    return 0;
}

const struct image_kind image_ntfs = {
    .maker = "mkntfs",
    .options = "-q -F",
    .open = files_open_ntfs,
    .check = check_ntfs,
    .repair = repair_ntfs,
    .links = true,
    .replaces = true,
};

/* fsck.fat repairs what a crash leaves, and leaves one of the two marks of it. */
static enum coffer_status open_fat(struct coffer_volume *volume, const struct files_options *options,
                                   struct files **files, struct coffer_error *error)
{
    struct files_options checked = *options;
    checked.checked = true;
    return files_open_fat(volume, &checked, files, error);
}

static int check_fat(const char *path)
{
    return run("fsck.fat", (const char *const[]){ "-n", path, NULL });
}

static int repair_fat(const char *path)
{
    run("fsck.fat", (const char *const[]){ "-a", path, NULL });
    return check_fat(path);
}

const struct image_kind image_fat = {
    .maker = "mkfs.fat",
    .options = "",
    .open = open_fat,
    .check = check_fat,
    .repair = repair_fat,
};

static int check_exfat(const char *path)
{
    return run("fsck.exfat", (const char *const[]){ "-n", path, NULL });
}

/* The driver does it, when it opens it. */
static int repair_exfat(const char *path)
{
    (void)path;
    return 0;
}

const struct image_kind image_exfat = {
    .maker = "mkfs.exfat",
    .options = "",
    .open = files_open_exfat,
    .check = check_exfat,
    .repair = repair_exfat,
    .replaces = true,
};

/* ---- Images ---- */

static size_t add_words(char *text, const char **arguments, size_t count)
{
    for (char *word; (word = strsep(&text, " ")) != NULL && count + 2 < MOST_ARGUMENTS;) {
        if (*word != '\0') {
            arguments[count++] = word;
        }
    }
    return count;
}

void image_make(struct image *image, const struct image_kind *kind, const char *options, uint64_t size)
{
    *image = (struct image){ .kind = kind };
    const char *folder = getenv("TMPDIR");
    snprintf(image->dir, sizeof(image->dir), "%.40s/coffer-fs.XXXXXX", folder != NULL ? folder : "/tmp");
    must(mkdtemp(image->dir) != NULL, image->dir);
    snprintf(image->path, sizeof(image->path), "%s/image", image->dir);
    int fd = open(image->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    must(fd >= 0 && ftruncate(fd, (off_t)size) == 0, image->path);
    close(fd);
    char copy[256];
    const char *arguments[MOST_ARGUMENTS];
    snprintf(copy, sizeof(copy), "%s %s", kind->options, options);
    const size_t count = add_words(copy, arguments, 0);
    arguments[count] = image->path;
    arguments[count + 1] = NULL;
    if (run(kind->maker, arguments) != 0) {
        exit(1);
    }
}

enum coffer_status image_open(struct image *image, const struct files_options *options, bool remember,
                              struct coffer_error *error)
{
    image->volume = fake_volume_open(image->path, remember);
    enum coffer_status status = image->kind->open(image->volume, options, &image->files, error);
    if (status != COFFER_OK) {
        fake_volume_close(image->volume);
        image->volume = NULL;
        image->files = NULL;
    }
    return status;
}

void image_must_open(struct image *image)
{
    struct files_options options = { .read_only = false };
    struct coffer_error error = COFFER_ERROR_INIT;
    if (image_open(image, &options, false, &error) != COFFER_OK) {
        printf("cannot open %s: %s\n", image->path, error.text);
        exit(1);
    }
}

enum coffer_status image_close(struct image *image)
{
    struct coffer_error error = COFFER_ERROR_INIT;
    enum coffer_status status = image->files->ops->close(image->files, &error);
    if (status != COFFER_OK) {
        printf("close: %s\n", error.text);
    }
    fake_volume_close(image->volume);
    image->files = NULL;
    image->volume = NULL;
    return status;
}

void image_must_be_clean(struct image *image)
{
    if (image_close(image) != COFFER_OK || image->kind->check(image->path) != 0) {
        printf("%s is not clean\n", image->path);
        exit(1);
    }
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk_state)
{
    (void)about;
    (void)kind;
    (void)walk_state;
    return remove(path);
}

void image_remove(struct image *image)
{
    nftw(image->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- Paths ---- */

int walk(struct files *files, const char *path, struct files_attr *attr)
{
    int result = files->ops->getattr(files, files->root, attr);
    while (result == 0 && *path != '\0') {
        char name[256];
        size_t size = strcspn(path, "/");
        snprintf(name, sizeof(name), "%.*s", (int)size, path);
        result = files->ops->lookup(files, attr->ino, name, attr);
        path += size + (path[size] == '/');
    }
    return result;
}

int walk_parent(struct files *files, const char *path, uint64_t *dir, const char **name)
{
    const char *slash = strrchr(path, '/');
    char parent[1024];
    struct files_attr attr;
    snprintf(parent, sizeof(parent), "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
    *name = slash != NULL ? slash + 1 : path;
    int result = walk(files, parent, &attr);
    if (result == 0 && !S_ISDIR(attr.mode)) {
        result = -ENOTDIR;
    }
    *dir = result == 0 ? attr.ino : 0;
    return result;
}

int put_file(struct files *files, const char *path, const void *data, size_t size)
{
    uint64_t dir;
    const char *name;
    struct files_attr attr;
    struct files_new new = { .mode = S_IFREG | 0644 };
    int result = walk_parent(files, path, &dir, &name);
    if (result == 0) {
        result = files->ops->make(files, dir, name, &new, &attr);
    }
    if (result == 0 && size > 0) {
        ssize_t written = files->ops->write(files, attr.ino, data, size, 0);
        result = written == (ssize_t)size ? 0 : written < 0 ? (int)written : -EIO;
    }
    return result;
}

int make_dir(struct files *files, const char *path)
{
    uint64_t dir;
    const char *name;
    struct files_attr attr;
    struct files_new new = { .mode = S_IFDIR | 0755 };
    int result = walk_parent(files, path, &dir, &name);
    return result < 0 ? result : files->ops->make(files, dir, name, &new, &attr);
}

int remove_path(struct files *files, const char *path)
{
    uint64_t dir;
    const char *name;
    struct files_attr attr;
    int result = walk_parent(files, path, &dir, &name);
    if (result == 0) {
        result = files->ops->lookup(files, dir, name, &attr);
    }
    if (result == 0) {
        result = (S_ISDIR(attr.mode) ? files->ops->rmdir : files->ops->unlink)(files, dir, name);
    }
    if (result == 0) {
        files->ops->evict(files, attr.ino);
    }
    return result;
}

void must_have_text(struct files *files, const char *path, const char *text)
{
    struct files_attr attr;
    char data[100];
    const size_t size = strlen(text);
    if (walk(files, path, &attr) != 0 ||
        files->ops->read(files, attr.ino, data, sizeof(data), 0) != (ssize_t)size ||
        memcmp(data, text, size) != 0) {
        printf("'%s' is not there, or not '%s'\n", path, text);
        exit(1);
    }
}

void fill_up(struct files *files)
{
    static uint8_t data[1 << 20];
    struct files_attr attr;
    uint64_t offset = 0;
    if (put_file(files, "ballast", NULL, 0) != 0 || walk(files, "ballast", &attr) != 0) {
        printf("no ballast\n");
        exit(1);
    }
    for (size_t size = sizeof(data); size >= 4096; size /= 2) {
        while (files->ops->write(files, attr.ino, data, size, offset) == (ssize_t)size) {
            offset += size;
        }
    }
}

void fill(uint8_t *data, size_t size, unsigned seed)
{
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(state >> 56);
    }
}

unsigned number(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}
