"""Tests of somebody who uses localcat and Python's own unittest, without pytest."""

import sys
import unittest

from localcat import Catalog, Image
from localcat import properties as p
from localcat.testing import earth, make_image


class OnEarth(unittest.TestCase):
    def setUp(self):
        self.catalog = self.enterContext(earth())
        self.enterContext(self.catalog.as_default())

    def test_few_clouds(self):
        self.assertEqual(Image.search().filter(p.cloud_fraction < 0.2).count(), 8)

    def test_each_test_has_a_copy_of_its_own(self):
        for image in Image.search():
            image.delete()
        self.assertEqual(Image.search().count(), 0)

    def test_pixels(self):
        self.assertEqual(Image.get("optical:alps-3").ndarray("red")[0, 0, 0], 3250)

    def test_pytest_is_not_needed(self):
        self.assertNotIn("pytest", sys.modules)


class OnAnEmptyCatalog(unittest.TestCase):
    def test_an_image_of_ones_own(self):
        with Catalog.temporary(org="test") as catalog:
            image = make_image("field", catalog=catalog, cloud_fraction=0.25)
            self.assertEqual((image.id, image.cloud_fraction), ("test:sample:field", 0.25))
            self.assertEqual(image.ndarray("red").shape, (1, 48, 64))


if __name__ == "__main__":
    unittest.main()
