// SPDX-License-Identifier: GPL-2.0
/*
 * Objects, from the host's malloc(), each with a header before it.
 *
 * With SLAB_TYPESAFE_BY_RCU a freed object keeps its type: it may be used again
 * at once, and who still looks at it in an RCU read section finds an object of
 * the same type. When a grace period has passed and it was not used again, it
 * is filled with garbage, and in sanitized builds not to be touched at all.
 */
#include "memory.h"
#include <linux/dmap.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size)	((void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size)	((void)(size))
#endif

#define GARBAGE		0x6b
#define MAGIC_USED	0x75736564U
#define MAGIC_FREE	0x66726565U

/**
 * struct object - the header of an object
 * @cache:	its cache, NULL for kmalloc()
 * @size:	of the object
 * @magic:	in use, or free
 * @waiting:	@rcu is under way
 * @freed_again: it was freed again meanwhile: that grace period counts
 * @garbage:	filled with garbage
 * @list:	in cache->free
 */
struct object {
	struct kmem_cache *cache;
	size_t size;
	u32 magic;
	bool waiting, freed_again, garbage;
	struct list_head list;
	struct rcu_head rcu;
	char data[] __attribute__((aligned(16)));
};

static LIST_HEAD(caches);
static unsigned long nr_kmalloc;
static unsigned long metadata;

struct kmem_cache *radix_tree_node_cachep;
void radix_tree_node_rcu_free(struct rcu_head *head);

static struct object *header_of(const void *data)
{
	return container_of(data, struct object, data);
}

/* What dmap holds for itself: blocks and tree nodes by cache, classes by size */
static bool is_metadata(const struct object *object)
{
	return object->cache ? true : object->size > 256;
}

unsigned long machine_metadata(void)
{
	return machine_counted(metadata);
}

static struct object *new_object(struct kmem_cache *cache, size_t size)
{
	struct object *object = malloc(sizeof(*object) + size);

	BUG_ON(!object);
	object->cache = cache;
	object->size = size;
	object->waiting = false;
	object->freed_again = false;
	object->garbage = false;
	memset(object->data, GARBAGE, size);
	return object;
}

static void use_object(struct object *object)
{
	model_lock();
	object->magic = MAGIC_USED;
	model_unlock();
	if (is_metadata(object))
		machine_count(metadata, object->size);
}

/* Returns with model_lock() if it is true, so that no grace period ends here. */
static bool unuse_object(struct object *object, const char *who)
{
	unsigned int magic;

	model_lock();
	magic = object->magic;
	if (magic == MAGIC_USED) {
		object->magic = MAGIC_FREE;
		if (is_metadata(object))
			machine_count(metadata, -object->size);
		return true;
	}
	model_unlock();
	machine_violation("%s: object %s", who, magic == MAGIC_FREE ?
			  "freed twice" : "was never allocated");
	return false;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size,
				     size_t align, unsigned int flags,
				     void (*ctor)(void *object))
{
	struct kmem_cache *cache = calloc(1, sizeof(*cache));

	BUG_ON(!cache);
	cache->name = name;
	cache->size = size;
	cache->flags = flags;
	cache->ctor = ctor;
	INIT_LIST_HEAD(&cache->free);
	list_add(&cache->caches, &caches);
	return cache;
}

void kmem_cache_destroy(struct kmem_cache *cache)
{
	struct object *object, *next;

	if (!cache)
		return;
	if (cache->nr)
		machine_violation("%lu objects of %s are left", cache->nr,
				  cache->name);
	rcu_barrier();
	list_for_each_entry_safe(object, next, &cache->free, list) {
		ASAN_UNPOISON_MEMORY_REGION(object->data, object->size);
		free(object);
	}
	list_del(&cache->caches);
	free(cache);
}

/* Freed objects are as likely used again as not. */
static struct object *take_free(struct kmem_cache *cache)
{
	struct object *object;

	model_lock();
	object = list_first_entry_or_null(&cache->free, struct object, list);
	if (object && (!(cache->flags & SLAB_TYPESAFE_BY_RCU) ||
		       machine_random() & 1))
		list_del(&object->list);
	else
		object = NULL;
	model_unlock();
	return object;
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	struct object *object;

	might_alloc(gfp);
	machine_stat(allocations, 1);
	if (machine_should_fail(gfp))
		return NULL;
	object = take_free(cache);
	if (!object) {
		object = new_object(cache, cache->size);
		if (cache->ctor)
			cache->ctor(object->data);
	} else if (object->garbage) {
		ASAN_UNPOISON_MEMORY_REGION(object->data, object->size);
		object->garbage = false;
	}
	use_object(object);
	machine_count(cache->nr, 1);
	return object->data;
}

void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	void *data = kmem_cache_alloc(cache, gfp);

	if (data)
		memset(data, 0, cache->size);
	return data;
}

static void grace_period(struct rcu_head *rcu)
{
	struct object *object = container_of(rcu, struct object, rcu);
	bool again = false;

	model_lock();
	object->waiting = false;
	if (object->magic != MAGIC_FREE) {
		object->freed_again = false;
	} else if (object->freed_again) {
		object->freed_again = false;
		object->waiting = again = true;
	} else {
		object->garbage = true;
		memset(object->data, GARBAGE, object->size);
		ASAN_POISON_MEMORY_REGION(object->data, object->size);
	}
	model_unlock();
	if (again)
		call_rcu(&object->rcu, grace_period);
}

void kmem_cache_free(struct kmem_cache *cache, void *data)
{
	struct object *object = header_of(data);
	bool wait = false;

	if (object->cache != cache) {
		machine_violation("object freed to %s, which it is not of",
				  cache->name);
		return;
	}
	if (!unuse_object(object, cache->name))
		return;
	machine_count(cache->nr, -1);
	if (cache->flags & SLAB_TYPESAFE_BY_RCU) {
		wait = !object->waiting;
		object->freed_again = object->waiting;
		object->waiting = true;
	} else {	/* as the constructor wants it, but not to be touched */
		object->garbage = true;
		ASAN_POISON_MEMORY_REGION(object->data, object->size);
	}
	list_add_tail(&object->list, &cache->free);
	model_unlock();
	if (wait)
		call_rcu(&object->rcu, grace_period);
}

void *kmalloc(size_t size, gfp_t gfp)
{
	struct object *object;

	might_alloc(gfp);
	machine_stat(allocations, 1);
	if (machine_should_fail(gfp))
		return NULL;
	object = new_object(NULL, size);
	use_object(object);
	machine_count(nr_kmalloc, 1);
	return object->data;
}

void *kzalloc(size_t size, gfp_t gfp)
{
	void *data = kmalloc(size, gfp);

	if (data)
		memset(data, 0, size);
	return data;
}

void *kcalloc(size_t nr, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (__builtin_mul_overflow(nr, size, &bytes))
		return NULL;
	return kzalloc(bytes, gfp);
}

void kfree(const void *data)
{
	struct object *object;

	if (!data)
		return;
	object = header_of(data);
	if (object->cache) {
		machine_violation("kfree() of an object of %s", object->cache->name);
		return;
	}
	if (!unuse_object(object, "kfree"))
		return;
	model_unlock();
	machine_count(nr_kmalloc, -1);
	free(object);
}

/* What lib/radix-tree.c has for lib/xarray.c: nodes are all zero when free. */

static void node_ctor(void *data)
{
	struct xa_node *node = data;

	memset(node, 0, sizeof(*node));
	INIT_LIST_HEAD(&node->private_list);
}

void radix_tree_node_rcu_free(struct rcu_head *head)
{
	struct xa_node *node = container_of(head, struct xa_node, rcu_head);

	memset(node->slots, 0, sizeof(node->slots));
	memset(node->tags, 0, sizeof(node->tags));
	INIT_LIST_HEAD(&node->private_list);
	kmem_cache_free(radix_tree_node_cachep, node);
}

void slab_boot(void)
{
	radix_tree_node_cachep = kmem_cache_create("radix_tree_node",
						   sizeof(struct xa_node), 8, 0,
						   node_ctor);
}

void slab_shutdown(void)
{
	struct kmem_cache *cache, *next;

	list_for_each_entry_safe(cache, next, &caches, caches)
		kmem_cache_destroy(cache);
	radix_tree_node_cachep = NULL;
	if (nr_kmalloc)
		machine_violation("%lu objects of kmalloc() are left", nr_kmalloc);
	nr_kmalloc = 0;
	metadata = 0;
}
