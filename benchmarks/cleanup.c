/* Clean Up by hand: the rules of worlds/cleanup.py (mp) in C, as fast as we know how to write them.
 *
 * The limit that the engine is measured against, and a third witness that its rules are right: from the same random
 * streams it produces the same trajectories, bit for bit. Draws come in the same order as in the Python rules.
 * Built and called by benchmarks/cleanup_c.py.
 */
#include <stdint.h>
#include <string.h>

enum { NOTHING, WALL, WATER, DIRT, APPLE, ZAP_BEAM, CLEAN_BEAM, OUTSIDE, SELF, AGENT };
enum { GROUND, OBJECT, AGENTS, BEAM };
enum { FORWARD = 9, LEFT = 5, ROWS = 11, COLS = 11, PAD = 9, MAX_AGENTS = 64, ZAP = 7, CLEAN = 8 };

typedef struct {
    int64_t n_worlds, n_agents, height, width, n_spawns, n_orchard, n_river;
    const int32_t *spawns, *orchard, *river; /* [n][2] */
    const uint32_t *template_cells;          /* [height + 2 PAD][width + 2 PAD] */
    uint32_t *cells;                         /* [world][height + 2 PAD][width + 2 PAD] */
    int16_t *occupant;                       /* [world][height][width] */
    int32_t *pos, *facing, *out;             /* [world][agent]([2]) */
    int32_t *zap_wait, *clean_wait, *dirt;
    uint64_t *rng;                           /* [world][2] */
    int64_t *turn;
    const int64_t *action;                   /* [world][agent] */
    double *reward;
    uint8_t *terminated, *truncated;         /* [world][agent] */
    uint32_t *seen, *final_seen;             /* [world][agent][121] */
    float *ready, *final_ready;              /* [world][agent] */
} Batch;

typedef struct {
    int64_t n_agents, height, width, stride;
    uint32_t *cells; /* at the map's first cell inside the padding */
    int16_t *occupant;
    int32_t (*pos)[2];
    int32_t *facing, *out, *zap_wait, *clean_wait;
    uint64_t state, gamma;
    int32_t dirt;
} World;

static inline uint64_t bits(World *w) {
    uint64_t z = w->state += w->gamma;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
static inline double uniform(World *w) { return (double)(int64_t)(bits(w) >> 11) * 0x1p-53; }
static inline int64_t below(World *w, int64_t n) { return (int64_t)(((bits(w) >> 32) * (uint64_t)n) >> 32); }

static inline uint8_t layer(uint32_t cell, int which) { return (uint8_t)(cell >> (8 * which)); }
static inline uint32_t with(uint32_t cell, int which, uint32_t kind) {
    return (cell & ~(0xFFu << (8 * which))) | (kind << (8 * which));
}
static inline uint32_t *at(World *w, int64_t row, int64_t col) { return w->cells + row * w->stride + col; }

static inline void place(World *w, int i, int64_t row, int64_t col) {
    w->pos[i][0] = (int32_t)row;
    w->pos[i][1] = (int32_t)col;
    w->occupant[row * w->width + col] = (int16_t)i;
    *at(w, row, col) = with(*at(w, row, col), AGENTS, AGENT);
}
static inline void lift(World *w, int i) {
    int64_t row = w->pos[i][0], col = w->pos[i][1];
    w->occupant[row * w->width + col] = -1;
    *at(w, row, col) = with(*at(w, row, col), AGENTS, 0);
}
static inline int is_free(World *w, const int32_t *where) {
    return w->occupant[where[0] * w->width + where[1]] < 0 && layer(*at(w, where[0], where[1]), OBJECT) != WALL;
}
static void spawn(World *w, int i, const int32_t *spawns, int64_t n) {
    int64_t free = 0;
    for (int64_t k = 0; k < n; k++) free += is_free(w, spawns + 2 * k);
    if (!free) return;
    int64_t chosen = below(w, free);
    for (int64_t k = 0; k < n; k++)
        if (is_free(w, spawns + 2 * k) && chosen-- == 0) {
            w->facing[i] = (int32_t)below(w, 4);
            w->out[i] = 0;
            place(w, i, spawns[2 * k], spawns[2 * k + 1]);
            return;
        }
}
static inline void agent_order(World *w, int32_t *order) {
    for (int k = 0; k < w->n_agents; k++) order[k] = k;
    for (int k = (int)w->n_agents - 1; k > 0; k--) {
        int64_t other = below(w, k + 1);
        int32_t held = order[k];
        order[k] = order[other];
        order[other] = held;
    }
}
static const int DR[4] = {-1, 0, 1, 0}, DC[4] = {0, 1, 0, -1};

static inline void step(World *w, int i, int direction) {
    int64_t row = w->pos[i][0] + DR[direction], col = w->pos[i][1] + DC[direction];
    if (row < 0 || row >= w->height || col < 0 || col >= w->width) return;
    if (w->occupant[row * w->width + col] >= 0 || layer(*at(w, row, col), OBJECT) == WALL) return;
    lift(w, i);
    place(w, i, row, col);
}

/* One column of a beam: calls back per hit by writing positions; returns the count, sets *blocked. */
static inline int column(World *w, int i, int beam, int cells, int side, int32_t (*hits)[2], int n, int *blocked) {
    int ahead = w->facing[i], right = (ahead + 1) & 3, start = side == 0;
    int64_t row = w->pos[i][0] + side * DR[right] + start * DR[ahead];
    int64_t col = w->pos[i][1] + side * DC[right] + start * DC[ahead];
    *blocked = 0;
    for (int k = 0; k < cells; k++, row += DR[ahead], col += DC[ahead]) {
        if (row < 0 || row >= w->height || col < 0 || col >= w->width) { *blocked = k == 0; return n; }
        uint32_t *cell = at(w, row, col);
        int object = layer(*cell, OBJECT);
        if (object == WALL) { *blocked = k == 0; return n; }
        int stop = beam == CLEAN_BEAM ? object == DIRT : layer(*cell, AGENTS) != 0;
        *cell = with(*cell, BEAM, (uint32_t)beam);
        hits[n][0] = (int32_t)row;
        hits[n][1] = (int32_t)col;
        n++;
        if (stop) { *blocked = k == 0; return n; }
    }
    return n;
}
static inline int cast(World *w, int i, int beam, int32_t (*hits)[2]) {
    int blocked, n = column(w, i, beam, 3, 0, hits, 0, &blocked);
    n = column(w, i, beam, 3, -1, hits, n, &blocked);
    return column(w, i, beam, 3, 1, hits, n, &blocked);
}

static void eat(World *w, double *reward) {
    for (int i = 0; i < w->n_agents; i++) {
        if (w->out[i]) continue;
        uint32_t *cell = at(w, w->pos[i][0], w->pos[i][1]);
        if (layer(*cell, OBJECT) == APPLE) {
            *cell = with(*cell, OBJECT, 0);
            reward[i] += 1.0;
        }
    }
}

static void look(World *w, uint32_t *seen, float *ready) {
    for (int i = 0; i < w->n_agents; i++, seen += ROWS * COLS) {
        if (w->out[i]) {
            memset(seen, 0, sizeof(uint32_t) * ROWS * COLS);
            ready[i] = 0;
            continue;
        }
        const uint32_t *own = at(w, w->pos[i][0], w->pos[i][1]);
        const int64_t s = w->stride;
        uint32_t *to = seen;
        switch (w->facing[i]) {
        case 0:
            own -= FORWARD * s + LEFT;
            for (int r = 0; r < ROWS; r++, own += s, to += COLS) memcpy(to, own, sizeof(uint32_t) * COLS);
            break;
        case 1:
            own += FORWARD - LEFT * s;
            for (int r = 0; r < ROWS; r++, own--, to += COLS)
                for (int c = 0; c < COLS; c++) to[c] = own[c * s];
            break;
        case 2:
            own += FORWARD * s + LEFT;
            for (int r = 0; r < ROWS; r++, own -= s, to += COLS)
                for (int c = 0; c < COLS; c++) to[c] = own[-c];
            break;
        default:
            own += LEFT * s - FORWARD;
            for (int r = 0; r < ROWS; r++, own++, to += COLS)
                for (int c = 0; c < COLS; c++) to[c] = own[-c * s];
        }
        uint32_t *self = seen + FORWARD * COLS + LEFT;
        *self = with(*self, AGENTS, SELF);
        double part = 1.0 - w->zap_wait[i] / 10.0;
        ready[i] = (float)(part > 0.0 ? part : 0.0);
    }
}

static void start(const Batch *b, World *w, int64_t k, uint32_t *padded) {
    int64_t size = (b->height + 2 * PAD) * w->stride, agents = b->n_agents;
    memcpy(padded, b->template_cells, sizeof(uint32_t) * size);
    for (int64_t c = 0; c < b->height * b->width; c++) w->occupant[c] = -1;
    b->turn[k] = 0;
    for (int i = 0; i < agents; i++) {
        w->pos[i][0] = w->pos[i][1] = w->facing[i] = 0;
        w->out[i] = -1;
        w->zap_wait[i] = w->clean_wait[i] = 0;
    }
    for (int i = 0; i < agents; i++) spawn(w, i, b->spawns, b->n_spawns);
    w->dirt = 0;
    for (int64_t c = 0; c < b->n_river; c++)
        w->dirt += layer(*at(w, b->river[2 * c], b->river[2 * c + 1]), OBJECT) == DIRT;
}

static int advance(const Batch *b, World *w, int64_t k) {
    const int64_t *action = b->action + k * b->n_agents;
    double *reward = b->reward + k * b->n_agents;
    const int n = (int)b->n_agents;
    int32_t order[MAX_AGENTS], hits[9][2];
    uint8_t zapped[MAX_AGENTS] = {0};
    const int64_t turn = ++b->turn[k];
    int ended = 0;

    for (int64_t row = 0; row < w->height; row++)
        for (int64_t col = 0; col < w->width; col++) w->cells[row * w->stride + col] &= 0x00FFFFFF;
    uint8_t was_out[MAX_AGENTS];
    for (int i = 0; i < n; i++) {
        reward[i] = 0;
        was_out[i] = w->out[i] != 0;
    }

    agent_order(w, order);
    for (int j = 0; j < n; j++) {
        int i = order[j];
        if (w->out[i]) continue;
        switch (action[i]) {
        case 1: step(w, i, w->facing[i]); break;
        case 2: step(w, i, (w->facing[i] + 2) & 3); break;
        case 3: step(w, i, (w->facing[i] + 3) & 3); break;
        case 4: step(w, i, (w->facing[i] + 1) & 3); break;
        case 5: w->facing[i] = (w->facing[i] + 3) & 3; break;
        case 6: w->facing[i] = (w->facing[i] + 1) & 3; break;
        }
    }
    eat(w, reward);
    for (int i = 0; i < n; i++) {
        if (w->out[i]) continue;
        if (w->zap_wait[i] > 0) w->zap_wait[i]--;
        else if (action[i] == ZAP) {
            w->zap_wait[i] = 10;
            for (int h = 0, m = cast(w, i, ZAP_BEAM, hits); h < m; h++) {
                int hit = w->occupant[hits[h][0] * w->width + hits[h][1]];
                if (hit >= 0 && hit != i) zapped[hit] = 1;
            }
        }
    }
    agent_order(w, order);
    for (int j = 0; j < n; j++) {
        int i = order[j];
        if (w->out[i]) continue;
        if (w->clean_wait[i] > 0) w->clean_wait[i]--;
        else if (action[i] == CLEAN) {
            w->clean_wait[i] = 2;
            for (int h = 0, m = cast(w, i, CLEAN_BEAM, hits); h < m; h++) {
                uint32_t *cell = at(w, hits[h][0], hits[h][1]);
                if (layer(*cell, OBJECT) == DIRT) {
                    *cell = with(*cell, OBJECT, 0);
                    w->dirt--;
                }
            }
        }
    }
    for (int i = 0; i < n; i++)
        if (zapped[i]) {
            lift(w, i);
            w->out[i] = 52;
        }
    for (int i = 0; i < n; i++) {
        if (w->out[i] > 1) w->out[i]--;
        else if (w->out[i] == 1) spawn(w, i, b->spawns, b->n_spawns);
    }
    int64_t clean = b->n_river - w->dirt;
    if (turn > 50 && clean > 0 && uniform(w) < 0.5) {
        int64_t chosen = below(w, clean);
        for (int64_t c = 0; c < b->n_river; c++) {
            uint32_t *cell = at(w, b->river[2 * c], b->river[2 * c + 1]);
            if (layer(*cell, OBJECT) != DIRT && chosen-- == 0) {
                *cell = with(*cell, OBJECT, DIRT);
                w->dirt++;
                break;
            }
        }
    }
    double share = b->n_river ? (double)w->dirt / (double)b->n_river : 0.0, p = (0.4 - share) / 0.4;
    p = 0.05 * (p < 1.0 ? p : 1.0);
    if (p > 0)
        for (int64_t c = 0; c < b->n_orchard; c++) {
            uint32_t *cell = at(w, b->orchard[2 * c], b->orchard[2 * c + 1]);
            if (layer(*cell, OBJECT) != APPLE && uniform(w) < p) *cell = with(*cell, OBJECT, APPLE);
        }
    eat(w, reward);
    if (turn >= 1000 && turn % 100 == 99 && uniform(w) < 0.2) ended = 1;
    if (turn >= 5000 && !ended) ended = 2;
    for (int i = 0; i < n; i++) {
        if (was_out[i] && w->out[i]) reward[i] = 0;
        b->terminated[k * n + i] = ended == 1;
        b->truncated[k * n + i] = ended == 2;
    }
    return ended;
}

/* mode 0 steps all copies, mode 1 resets them. Returns how many episodes ended. */
int64_t run(const Batch *b, int64_t threads, int64_t mode) {
    int64_t stride = b->width + 2 * PAD, size = (b->height + 2 * PAD) * stride, over = 0, n = b->n_agents;
#pragma omp parallel for num_threads(threads) reduction(+ : over) schedule(static)
    for (int64_t k = 0; k < b->n_worlds; k++) {
        uint32_t *padded = b->cells + k * size;
        World w = {
            .n_agents = n, .height = b->height, .width = b->width, .stride = stride,
            .cells = padded + PAD * stride + PAD, .occupant = b->occupant + k * b->height * b->width,
            .pos = (int32_t(*)[2])(b->pos + 2 * k * n), .facing = b->facing + k * n, .out = b->out + k * n,
            .zap_wait = b->zap_wait + k * n, .clean_wait = b->clean_wait + k * n,
            .state = b->rng[2 * k], .gamma = b->rng[2 * k + 1], .dirt = b->dirt[k],
        };
        int ended = mode == 1;
        if (mode == 0 && (ended = advance(b, &w, k))) {
            over++;
            look(&w, b->final_seen + k * n * ROWS * COLS, b->final_ready + k * n);
        }
        if (ended) start(b, &w, k, padded);
        look(&w, b->seen + k * n * ROWS * COLS, b->ready + k * n);
        b->rng[2 * k] = w.state;
        b->dirt[k] = w.dirt;
    }
    return over;
}
