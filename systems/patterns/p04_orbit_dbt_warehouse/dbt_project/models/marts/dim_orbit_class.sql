select
    class_code,
    name,
    kind,
    definition
from {{ ref('orbit_classes') }}
