-- files of which every refusal is looked at again: who contradicts another always will, unless its file was taken out
select distinct file_id
from {{ source('published', 'deliveries_rejected') }}
where {{ 'true' if is_everything() else 'false' }}
