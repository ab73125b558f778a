"""Made-up repositories, of which patcher has to see what git sees, or to refuse them."""
