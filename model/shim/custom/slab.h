/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Objects. They are of the host's memory, not of the modelled machine's: so
 * they cost it no pages, but they do fail, are counted, and must all be gone
 * when the machine is switched off.
 */
#ifndef _MODEL_SLAB_H
#define _MODEL_SLAB_H

#define SLAB_PANIC		1U
#define SLAB_TYPESAFE_BY_RCU	2U
#define SLAB_ACCOUNT		0U	/* nobody is charged */
#define SLAB_RECLAIM_ACCOUNT	0U
#define SLAB_HWCACHE_ALIGN	0U

/**
 * struct kmem_cache - objects of one type
 * @name:	for reports
 * @size:	of an object
 * @flags:	SLAB_*
 * @ctor:	makes a new object; one that comes back keeps its state
 * @nr:		objects in use
 * @free:	objects that may be used again
 * @caches:	all caches
 */
struct kmem_cache {
	const char *name;
	size_t size;
	unsigned int flags;
	void (*ctor)(void *object);
	unsigned long nr;
	struct list_head free;
	struct list_head caches;
};

struct kmem_cache *kmem_cache_create(const char *name, size_t size,
				     size_t align, unsigned int flags,
				     void (*ctor)(void *object));
void kmem_cache_destroy(struct kmem_cache *cache);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp);
void kmem_cache_free(struct kmem_cache *cache, void *object);

#define KMEM_CACHE(type, flags)						\
	kmem_cache_create(#type, sizeof(struct type),			\
			  __alignof__(struct type), flags, NULL)
#define kmem_cache_alloc_lru(cache, lru, gfp)				\
	((void)(lru), kmem_cache_alloc(cache, gfp))

void *kmalloc(size_t size, gfp_t gfp);
void *kzalloc(size_t size, gfp_t gfp);
void *kcalloc(size_t nr, size_t size, gfp_t gfp);
void kfree(const void *object);
#define kmalloc_array(nr, size, gfp)	kcalloc(nr, size, gfp)
#define kvmalloc(size, gfp)		kmalloc(size, gfp)
#define kvzalloc(size, gfp)		kzalloc(size, gfp)
#define kvcalloc(nr, size, gfp)		kcalloc(nr, size, gfp)
#define kvfree(object)			kfree(object)

/* Would this allocation be allowed here? */
void might_alloc(gfp_t gfp);

#endif /* _MODEL_SLAB_H */
