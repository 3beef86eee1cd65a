"""Cinder volume driver without disks: cinder/tests/fake_driver.py, plus what that leaves out: extend and image copies.

A volume made from an image is the file $SANDBOX_STATE/volumes/UUID, so that a server can boot from it; others are nothing.
"""
import io
import os

from cinder.tests import fake_driver

FOLDER = os.path.join(os.environ['SANDBOX_STATE'], 'volumes')


class LoopbackVolumeDriver(fake_driver.FakeLoggingVolumeDriver):
    def extend_volume(self, volume, new_size):
        pass

    def copy_image_to_volume(self, context, volume, image_service, image_id, *args, **kwargs):
        os.makedirs(FOLDER, exist_ok=True)
        with open(f'{FOLDER}/{volume.id}', 'wb') as file:
            image_service.download(context, image_id, file)

    def delete_volume(self, volume):
        super().delete_volume(volume)
        if os.path.exists(f'{FOLDER}/{volume.id}'):
            os.remove(f'{FOLDER}/{volume.id}')

    def copy_volume_to_image(self, context, volume, image_service, image_meta, *args, **kwargs):
        image_service.update(context, image_meta['id'], {}, io.BytesIO(b'\0' * 512))
