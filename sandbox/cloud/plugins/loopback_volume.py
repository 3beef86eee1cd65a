"""Cinder volume driver without disks: cinder/tests/fake_driver.py, plus what that leaves out: extend and image copies."""
import io

from cinder.tests import fake_driver


class LoopbackVolumeDriver(fake_driver.FakeLoggingVolumeDriver):
    def extend_volume(self, volume, new_size):
        pass

    def copy_image_to_volume(self, context, volume, image_service, image_id, *args, **kwargs):
        pass

    def copy_volume_to_image(self, context, volume, image_service, image_meta, *args, **kwargs):
        image_service.update(context, image_meta['id'], {}, io.BytesIO(b'\0' * 512))
